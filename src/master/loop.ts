/** The loop of a master (master): signals, messages, exits and the clock only enqueue, and it takes one turn after the other. Pure. */

export class Loop<Turn> {
  readonly #take: (turn: Turn) => void;
  readonly #queue: Turn[] = [];
  #turning = false;

  constructor(take: (turn: Turn) => void) {
    this.#take = take;
  }

  /** Takes it at once, unless that was called for within a turn: then after those that were called for before. */
  enqueue(turn: Turn): void {
    this.#queue.push(turn);
    if (this.#turning) return;
    this.#turning = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#take(next);
    } finally {
      this.#turning = false;
    }
  }
}
