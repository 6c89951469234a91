/** The cohorts of one master (master): how one is founded, and that it is known until its last process is gone. */
import { Cohort, type CohortListener } from './cohort.js';
import type { ListenerSet } from './listener-set.js';
import type { Origin } from './origin.js';
import { Portions } from './portions.js';
import { pinnedOrOther, type Release } from './release.js';
import type { WorkerLog } from './worker-log.js';
import { workerOrder } from './worker-order.js';
import { type WorkerListener, WorkerProcess } from './worker-process.js';

export interface CohortsListener {
  ready(cohort: Cohort): void;
  accepting(cohort: Cohort): void;
  failed(cohort: Cohort, ...failure: Parameters<CohortListener['failed']>): void;
  /** Take a closer look at the clock. */
  hurry(): void;
}

export class Cohorts {
  /** What their workers get. */
  listeners: ListenerSet | undefined;
  readonly #origin: Origin;
  readonly #log: WorkerLog;
  readonly #later: (act: () => void) => void;
  readonly #listener: CohortsListener;
  readonly #all = new Set<Cohort>();
  /** In nobody's place any more. */
  readonly #past = new WeakSet<Cohort>();
  readonly #portions = new Portions();
  #drainLimit = 0;

  /** `later`: whatever follows from a worker's doing is done in a turn of the master's loop. */
  constructor(origin: Origin, log: WorkerLog, later: (act: () => void) => void, listener: CohortsListener) {
    this.#origin = origin;
    this.#log = log;
    this.#later = later;
    this.#listener = listener;
  }

  get all(): readonly Cohort[] {
    return [...this.#all];
  }

  get empty(): boolean {
    return this.all.every((cohort) => cohort.empty);
  }

  get settled(): boolean {
    return this.all.every((cohort) => cohort.settled);
  }

  /** How long a drain may take, in milliseconds, as far as a worker has said. */
  get drainLimit(): number {
    return this.#drainLimit;
  }

  /** One whose workers run this release. It has none yet. */
  found(release: Release): Cohort {
    const hire = (slot: number, listener: WorkerListener) => this.#hire(slot, release, listener);
    const shares = (slots: readonly number[]) => this.listeners?.deal(slots) ?? new Map();
    const cohort: Cohort = new Cohort(this.#portions, hire, shares, {
      ready: () => this.#later(() => this.#listener.ready(cohort)),
      accepting: () => this.#later(() => this.#listener.accepting(cohort)),
      failed: (...failure) => this.#later(() => this.#listener.failed(cohort, ...failure)),
      spawned: (worker, instead) => this.#later(() => this.#log.spawned(worker, instead)),
      workerReady: (worker) => {
        this.#mayDrainFor(worker);
        this.#log.ready(worker);
      },
      workerAccepts: (worker) => this.#mayDrainFor(worker),
      restrained: (worker, by) => {
        this.#log.restrained(worker, by);
        this.#listener.hurry();
      },
      ended: (...ended) => {
        this.#log.ended(...ended);
        this.#listener.hurry();
      },
      empty: () => this.#later(() => this.#forget(cohort)),
    });
    this.#all.add(cohort);
    this.#listener.hurry();
    return cohort;
  }

  /** Another one is in its place: it is over when it is empty. */
  supersede(cohort: Cohort): void {
    this.#past.add(cohort);
    this.#forget(cohort);
  }

  /** Behind whatever is about to be started. */
  afterwards(act: () => void): void {
    this.#portions.add(act);
  }

  #mayDrainFor({ drainLimit }: WorkerProcess): void {
    this.#drainLimit = Math.max(this.#drainLimit, drainLimit);
  }

  #forget(cohort: Cohort): void {
    if (!this.#past.has(cohort) || !cohort.empty) return;
    // Some may be about to be started, of which nobody would know.
    cohort.retire();
    this.#all.delete(cohort);
  }

  #hire(slot: number, pinned: Release, listener: WorkerListener): WorkerProcess {
    const order = workerOrder(this.#origin, pinnedOrOther(pinned, this.#origin), slot, this.listeners?.all ?? []);
    return new WorkerProcess({ ...order, started: this.#origin.forerunners?.take(order.start) }, listener);
  }
}
