/**
 * Two pipes that each generation has (any master).
 *
 * The lease: workers hold the reading end and drain when it ends, which is when no master holds the writing end any more.
 * The succession: one byte in a pipe. Whoever reads it may succeed the generation's master when that dies, and nobody else may:
 * a retiree that wants to return and a candidate that wants to be promoted cannot both win.
 */
import { closeSync, readSync, writeSync } from 'node:fs';
import { pipe } from '../sys/descriptors.js';

export interface Lease {
  /** For the workers. */
  readonly reading: number;
  /** For the masters. */
  readonly writing: number;
}

/** pipe(7): a read returns end of file when all writing ends are closed. Throws EMFILE. */
export function createLease(): Lease {
  return pipe();
}

/** The reading end of a pipe that holds one byte. pipe(7): a byte is given to one reader. */
export function createSuccession(): number {
  const { reading, writing } = pipe();
  writeSync(writing, '!');
  closeSync(writing);
  return reading;
}

/** True once, for the first who asks, in whichever process. */
export function claimSuccession(reading: number): boolean {
  return readSync(reading, Buffer.alloc(1)) === 1;
}
