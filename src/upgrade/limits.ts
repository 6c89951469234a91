/** The protocol's own durations, in milliseconds. Pure. */

/** A candidate that hears nothing cancels itself this long after its deadline: the incumbent is stopped, not dead. */
export const CANDIDATE_PATIENCE = 5_000;
/** From *commit* to *serving*. */
export const COMMIT_LIMIT = 10_000;
/** A tick that comes this much too late says that we were stopped or the machine slept: nobody is judged by the time lost. */
export const LATE = 1_000;
