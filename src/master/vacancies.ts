/** When the next worker of a slot is started (master): in its turn, or after a pause that grows with each one that did not live. */
import { Backoff } from './backoff.js';
import type { Portions } from './portions.js';

export class Vacancies {
  readonly #backoff = new Backoff();
  /** Slots whose next worker is to be started in a moment. */
  readonly #due = new Set<number>();
  readonly #portions: Portions;
  readonly #start: (slot: number) => void;

  /** `start`: a worker in this slot, if one is wanted there by then. */
  constructor(portions: Portions, start: (slot: number) => void) {
    this.#portions = portions;
    this.#start = start;
  }

  get due(): readonly number[] {
    return [...this.#due];
  }

  isDue(slot: number): boolean {
    return this.#due.has(slot);
  }

  /** The last one in this slot did not live: the next waits, or has waited, for its time. */
  isPaused(slot: number): boolean {
    return this.#backoff.has(slot);
  }

  /** In its turn. */
  fill(slot: number): void {
    if (this.#due.has(slot)) return;
    this.#due.add(slot);
    this.#portions.add(() => {
      this.#due.delete(slot);
      this.#start(slot);
    });
  }

  /** In its turn after one that was `healthy`, else after a pause from `now` on. Returns milliseconds until then. */
  refill(slot: number, healthy: boolean, now: number): number {
    if (!healthy) return this.#backoff.pause(slot, now);
    this.#backoff.forget(slot);
    this.fill(slot);
    return 0;
  }

  /** Milliseconds until the slot's pause is over; 0 if it is, or if there is none. */
  left(slot: number, now: number): number {
    return this.#backoff.left(slot, now);
  }

  /** Slots whose pause is over. */
  over(now: number): readonly number[] {
    return this.#backoff.over(now);
  }

  /** No slot beyond this one is wanted any more. */
  forgetBeyond(last: number): void {
    this.#backoff.forgetBeyond(last);
  }

  /** Time passed that nobody could use. */
  rearm(milliseconds: number): void {
    this.#backoff.rearm(milliseconds);
  }
}
