/** The terminal of this process's session, whatever its streams are (any role). */
import { closeSync, openSync } from 'node:fs';

/** tty(4). */
export function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
