/** The standard error, for what must be seen even where there is no log (any role). */
import { writeSync } from 'node:fs';

const STDERR = 2;

/** Never throws. Not process.stderr: when nobody reads it any more, that is an event that nobody handles. */
export function say(line: string): void {
  try {
    writeSync(STDERR, line);
  } catch {
    // There is nobody left to tell.
  }
}
