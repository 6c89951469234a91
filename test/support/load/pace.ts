// Runs in the load's process: clients without think time take turns, or they would leave the server no processor.

const TICK_MS = 5;

/** A turn for each exchange; no more than `perSecond` of them, given out in small bursts within which the same client may ask again at once. */
export class Pace {
  readonly #perTick: number;
  #left: number;
  #queue: (() => void)[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(perSecond: number) {
    this.#perTick = Math.max(1, Math.round((perSecond * TICK_MS) / 1000));
    this.#left = this.#perTick;
    this.#timer = setInterval(() => this.#refill(), TICK_MS);
  }

  turn = (): Promise<void> => {
    if (this.#left > 0) {
      this.#left -= 1;
      return Promise.resolve();
    }
    return new Promise((go) => this.#queue.push(go));
  };

  /** Gives everybody a last turn. */
  end(): void {
    clearInterval(this.#timer);
    this.#left = Number.POSITIVE_INFINITY;
    for (const go of this.#queue.splice(0)) go();
  }

  #refill(): void {
    const going = this.#queue.splice(0, this.#perTick);
    this.#left = this.#perTick - going.length;
    for (const go of going) go();
  }
}
