/** One reload (master): the workers that it starts, and the sockets that they get. Those of before drain when it is done. */
import type { Cohort } from './cohort.js';
import type { Release } from './release.js';
import type { Renewal } from './renewal.js';

export class Reload {
  readonly release: Release;
  readonly next: Cohort;
  readonly #renewal: Renewal;
  /** Milliseconds. */
  readonly #patience: number;

  /** `renewal` has begun. `patience`: how long whoever found an old socket may wait there, milliseconds. */
  constructor(release: Release, next: Cohort, renewal: Renewal, patience: number) {
    this.release = release;
    this.next = next;
    this.#renewal = renewal;
    this.#patience = patience;
  }

  /** They are loaded and probed. */
  ready(): void {
    this.next.expose(false);
  }

  /** They accept. True when that is all; else they will say so again. */
  accepting(): boolean {
    if (!this.#renewal.done) this.#renewal.complete(this.#patience, () => this.#renewed());
    return this.#renewal.done;
  }

  /** Everything is as it was. */
  abandon(): void {
    this.#renewal.abandon();
    this.next.retire();
  }

  /** Asked again, they accept: on the old sockets no more. */
  #renewed(): void {
    this.next.deal();
    this.next.expose(false);
  }
}
