/** How many of a generation's workers have to accept until somebody else, who waits for them, may leave (master). Pure. */

/** `none`: nobody waits. `all`: as many as are wanted, but for those that cannot be had now. */
export type Quorum = 'none' | 'one' | 'all';

interface Attendance {
  /** Somebody accepts, and is not about to leave. */
  readonly serves: boolean;
  /** Somebody does, and whoever does not waits for another attempt after one that failed. */
  readonly limps: boolean;
}

/** Beyond that everybody who is wanted accepts: whether this is enough. */
export function suffices(quorum: Quorum, { serves, limps }: Attendance): boolean {
  return quorum === 'one' ? serves : quorum === 'all' && limps;
}
