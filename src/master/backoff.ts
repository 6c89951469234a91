/** How long a slot waits for its next worker (master): longer after each one that did not live. Pure. */

const SHORTEST = 1_000;
const LONGEST = 30_000;

interface Pause {
  readonly delay: number;
  /** On the same clock as `now`. */
  readonly due: number;
}

/** Times are monotonic milliseconds. */
export class Backoff {
  readonly #pauses = new Map<number, Pause>();

  /** Twice as long as the slot's last one. Returns its length. */
  pause(slot: number, now: number): number {
    const last = this.#pauses.get(slot)?.delay ?? 0;
    const delay = Math.min(LONGEST, Math.max(SHORTEST, last * 2));
    this.#pauses.set(slot, { delay, due: now + delay });
    return delay;
  }

  has(slot: number): boolean {
    return this.#pauses.has(slot);
  }

  /** The slot is healthy: its next pause is a short one again. */
  forget(slot: number): void {
    this.#pauses.delete(slot);
  }

  /** No slot beyond this one is wanted any more. */
  forgetBeyond(last: number): void {
    for (const slot of [...this.#pauses.keys()]) if (slot > last) this.#pauses.delete(slot);
  }

  /** Milliseconds until the slot's pause is over; 0 if it is, or if it has none. */
  left(slot: number, now: number): number {
    return Math.max(0, (this.#pauses.get(slot)?.due ?? 0) - now);
  }

  /** Slots whose pause is over. */
  over(now: number): readonly number[] {
    return [...this.#pauses].filter(([, { due }]) => now >= due).map(([slot]) => slot);
  }

  /** Time passed that nobody could use. */
  rearm(milliseconds: number): void {
    for (const [slot, { delay, due }] of [...this.#pauses]) this.#pauses.set(slot, { delay, due: due + milliseconds });
  }
}
