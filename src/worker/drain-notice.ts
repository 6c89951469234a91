/** In the worker: tells the app that a drain begins, so that WebSockets, event streams and long polls can say goodbye. */

/** What listeners of `process.on('holdfast:drain')` get. */
export interface DrainNotice {
  /** When what is left will be destroyed: milliseconds since the epoch, as `Date.now()`. */
  readonly deadline: number;
}

/** Calls the listeners of 'holdfast:drain'. One that throws or rejects stops nobody. @param onError hears of it */
export function announceDrain(notice: DrainNotice, onError: (error: unknown) => void): void {
  // Raw: the wrapper of a `once` removes itself.
  for (const listener of process.rawListeners('holdfast:drain')) {
    // A rejection that nobody handles would end the process, and the connections with it.
    void call(listener, notice).catch(onError);
  }
}

/** At once, not in a later turn: the goodbyes must be under way before anything else happens. */
async function call(listener: unknown, notice: DrainNotice): Promise<void> {
  await Reflect.apply(listener as (notice: DrainNotice) => unknown, process, [notice]);
}
