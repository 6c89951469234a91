/** What a terminal means by a signal (keeper). */
import { hasTerminal } from '../sys/controlling-terminal.js';

export type KeeperSignal = NodeJS.Signals;

/**
 * The signal that the master is to get, if any. `began`: there was a terminal at the start. Its change of size (WINCH) is no order to drain, and
 * its hang-up (HUP) is a farewell and no order to reload; without one both are the operator's.
 */
export function meaningOf(signal: KeeperSignal, began: boolean): KeeperSignal | undefined {
  if (!began) return signal;
  if (signal === 'SIGWINCH') return undefined;
  return signal === 'SIGHUP' && !hasTerminal() ? 'SIGTERM' : signal;
}
