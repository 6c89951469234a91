// How long to wait for something, on a machine that may have no time for us: time alone does not tell who is stuck from who is kept waiting.

/** Of a turn that comes late, so many times what it should have taken counts. All who are waited for come late as well then. */
const LENIENCE = 3;

export class Patience {
  #left: number;
  #at = performance.now();

  /** @param ms of a machine that has time, milliseconds */
  constructor(ms: number) {
    this.#left = ms;
  }

  get over(): boolean {
    return this.#left <= 0;
  }

  /** What has passed since the last call counts in full. */
  spend(): void {
    this.#take(Number.POSITIVE_INFINITY);
  }

  /** What has passed since the last call was a sleep of so many milliseconds, and then a wait for a processor. */
  sleep(ms: number): void {
    this.#take(ms * LENIENCE);
  }

  #take(most: number): void {
    const now = performance.now();
    this.#left -= Math.min(now - this.#at, most);
    this.#at = now;
  }
}

/** Milliseconds. */
const TICK = 100;

/** Calls `over` when so many milliseconds have passed on a machine that has time; what it returns calls it off. */
export function alarm(ms: number, over: () => void): () => void {
  const patience = new Patience(ms);
  const tick = Math.min(ms, TICK);
  const timer = setInterval(() => {
    patience.sleep(tick);
    if (!patience.over) return;
    clearInterval(timer);
    over();
  }, tick);
  return () => clearInterval(timer);
}
