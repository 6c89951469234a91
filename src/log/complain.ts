/** The one line on stderr by which a command fails (any role). */
import { isatty } from 'node:tty';
import { HoldfastError, messageOf } from '../errors.js';
import type { Log } from './log.js';
import { say } from './stderr.js';

const STDERR = 2;

/**
 * Writes `holdfast: <message>` to the standard error, and into the log if there is one; who sees both gets it once.
 * The stack goes only into a debug log. Never throws.
 */
export function complain(error: unknown, log?: Log): void {
  const message = error instanceof HoldfastError ? error.message : messageOf(error).replaceAll(/\s*\n\s*/g, ' ');
  if (log?.hasStreams !== true) say(`holdfast: ${message}`);
  if (log === undefined) return;
  if (!(log.terminal && isatty(STDERR))) log.critical(null, message);
  if (log.debugs && error instanceof Error && error.stack !== undefined) log.debug(null, error.stack);
}
