/**
 * What blocks the loop, a few of it in each turn (master): a spawn returns only when the new process has executed its program, and forty of them on a
 * machine that has no time would keep signals, channels and the clock waiting for seconds. Between two portions those have their turn.
 */

/** As many as nobody notices, and no fewer: the start of one worker, or of two, waits for nothing. */
const PORTION = 2;

export class Portions {
  readonly #waiting: (() => void)[] = [];
  #left = PORTION;
  #scheduled = false;

  /** Does it at once, if this turn's portion is not used up; else in a later one, in order. */
  add(act: () => void): void {
    this.#waiting.push(act);
    this.#take();
  }

  #take(): void {
    while (this.#left > 0) {
      const act = this.#waiting.shift();
      if (act === undefined) break;
      this.#left -= 1;
      this.#schedule();
      act();
    }
  }

  /** The first immediate follows the poll that we may come from, the second the next: the kernel was asked for what has come meanwhile. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => setImmediate(() => this.#refill()));
  }

  #refill(): void {
    this.#scheduled = false;
    this.#left = PORTION;
    this.#take();
  }
}
