/** Room for more descriptors (any role). A spawn of Node's that runs out of them half-way never closes those that it has made: better not to begin. */
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { EXIT, HoldfastError } from '../errors.js';

/** Node says "too many open files", and names the one at which it ran out, which is any. */
export const NO_DESCRIPTORS = 'no descriptors are left (raise ulimit -n)';

/** Throws HoldfastError when `count` descriptors cannot be had. getrlimit(2), RLIMIT_NOFILE. */
export function assureDescriptors(count: number): void {
  const tried: number[] = [];
  try {
    while (tried.length < count) tried.push(openSync(devNull, 'r'));
  } catch (error) {
    if (isOutOfDescriptors(error)) throw new HoldfastError(NO_DESCRIPTORS, EXIT.failed, { cause: error });
  } finally {
    for (const fd of tried) closeSync(fd);
  }
}

/** EMFILE, or ENFILE. open(2). */
export function isOutOfDescriptors(error: unknown): boolean {
  return ['EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}
