/** The standard error, for what must be seen even where there is no log (any role). */
import { writeSync } from 'node:fs';
import { printable } from '../errors.js';

const STDERR = 2;

/** One line, without its end. Never throws. Not process.stderr: when nobody reads it any more, that is an event that nobody handles. */
export function say(line: string): void {
  try {
    writeSync(STDERR, `${printable(line)}\n`);
  } catch {
    // There is nobody left to tell.
  }
}
