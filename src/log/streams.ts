/** The standard streams, by the names that an operator has for them (any role). */

export const STDOUT = 1;
export const STDERR = 2;

/** A Map, as wherever somebody else's text is looked up: an object has `constructor` and `toString`, too. */
const NAMES: ReadonlyMap<string, typeof STDOUT | typeof STDERR> = new Map([
  ['-', STDOUT],
  ['/dev/stdout', STDOUT],
  ['/dev/fd/1', STDOUT],
  ['/proc/self/fd/1', STDOUT],
  ['/dev/stderr', STDERR],
  ['/dev/fd/2', STDERR],
  ['/proc/self/fd/2', STDERR],
]);

/**
 * The descriptor that a log's name stands for, if it does. It is written to and never opened: who has dropped its privileges may not open it, a
 * socket cannot be, and a candidate's own is not yet the operator's.
 */
export function streamOf(file: string): typeof STDOUT | typeof STDERR | undefined {
  return NAMES.get(file);
}
