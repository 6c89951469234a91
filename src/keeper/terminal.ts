/** What a terminal means by a signal (keeper). */
import { closeSync, openSync } from 'node:fs';

export type KeeperSignal = NodeJS.Signals;

/** Whether this process has a terminal that controls it, whatever its streams are. tty(4). */
export function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

/**
 * The signal that the master is to get, if any. `began`: there was a terminal at the start. Its change of size (WINCH) is no order to drain, and
 * its hang-up (HUP) is a farewell and no order to reload; without one both are the operator's.
 */
export function meaningOf(signal: KeeperSignal, began: boolean): KeeperSignal | undefined {
  if (!began) return signal;
  if (signal === 'SIGWINCH') return undefined;
  return signal === 'SIGHUP' && !hasTerminal() ? 'SIGTERM' : signal;
}
