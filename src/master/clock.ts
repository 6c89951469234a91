/** One timer for everything that has a deadline (master). Idle, it is the master's only wake-up. */
import { monotonic } from '../sys/monotonic.js';
import { LATE } from '../upgrade/limits.js';

/** Between two looks at the clock, in milliseconds: when nothing is going on, when something is, while somebody's end is awaited. */
const PACE = { idle: 1_000, busy: 100, hurried: 20 } as const;
export type Pace = keyof typeof PACE;

export interface ClockListener {
  pace(): Pace;
  /** Judge by the time. */
  judge(now: number): void;
  /** Time was lost that nobody could use: all deadlines begin again from here, and nobody is judged in this turn. */
  rearm(milliseconds: number): void;
}

export class Clock {
  readonly #listener: ClockListener;
  #due = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(listener: ClockListener) {
    this.#listener = listener;
  }

  start(): void {
    this.#schedule();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Something began that wants a closer look. */
  hurry(): void {
    if (this.#timer !== undefined && this.#due - monotonic() > PACE[this.#listener.pace()]) this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const delay = PACE[this.#listener.pace()];
    this.#due = monotonic() + delay;
    this.#timer = setTimeout(() => this.#tick(), delay);
  }

  #tick(): void {
    const late = monotonic() - this.#due;
    // Were we stopped for less than that, what was said to us in time is not read yet: the immediate follows a poll.
    if (late > LATE) this.#ticked(() => this.#listener.rearm(late));
    else setImmediate(() => this.#ticked(() => this.#listener.judge(monotonic())));
  }

  /** Unless it was told to stop meanwhile. */
  #ticked(act: () => void): void {
    if (this.#timer === undefined) return;
    act();
    if (this.#timer !== undefined) this.#schedule();
  }
}
