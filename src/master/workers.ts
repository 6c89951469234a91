/** All the workers of one master (master): those in charge, those that a reload starts, those that leave. */
import { messageOf } from '../errors.js';
import type { Log } from '../log/log.js';
import { Cohort, type CohortListener } from './cohort.js';
import type { ListenerSet } from './listener-set.js';
import type { Origin } from './origin.js';
import { Portions } from './portions.js';
import { currentRelease, pinnedOrOther, type Release } from './release.js';
import type { Renewal } from './renewal.js';
import { WorkerLog } from './worker-log.js';
import { type WorkerOrder, workerOrder } from './worker-order.js';

export interface WorkersListener {
  /** Every worker is loaded and probed. */
  ready(): void;
  /** Every worker accepts. */
  accepting(): void;
  /** A worker of a generation that serves nobody yet did not become ready. */
  failed(status: number, reason: string): void;
  /** A reload is over, for better or worse. */
  reloaded(): void;
  /** Take a closer look at the clock. */
  hurry(): void;
}

type Outcome = Pick<CohortListener, 'ready' | 'accepting' | 'failed'>;

export class Workers {
  readonly #origin: Origin;
  readonly #log: Log;
  readonly #workerLog: WorkerLog;
  /** Whatever follows from a worker's doing is done in a turn of the master's loop. */
  readonly #later: (act: () => void) => void;
  readonly #listener: WorkersListener;
  readonly #cohorts = new Set<Cohort>();
  readonly #portions = new Portions();
  #listeners: ListenerSet | undefined;
  #release: Release | undefined;
  #current: Cohort | undefined;
  /** What a reload starts. */
  #next: Cohort | undefined;
  #renewal: Renewal | undefined;
  #wanted: number;
  /** None are wanted: after WINCH until HUP, or because this generation leaves. */
  #drained = true;
  /** This generation gave up, perhaps before it had any. */
  #left = false;
  /** Somebody leaves when ours accept, or when one of them does. */
  #awaited: 'none' | 'one' | 'all' = 'none';
  #drainLimit = 0;

  constructor(origin: Origin, later: (act: () => void) => void, listener: WorkersListener) {
    this.#origin = origin;
    this.#log = origin.log;
    this.#workerLog = new WorkerLog(origin.log, origin.settings.timeout);
    this.#later = later;
    this.#listener = listener;
    this.#wanted = origin.settings.workers;
  }

  get wanted(): number {
    return this.#wanted;
  }

  /** The physical directory of the release that they run. */
  get release(): string | undefined {
    return this.#release?.cwd;
  }

  get started(): boolean {
    return this.#current !== undefined;
  }

  /** Somebody may be served. */
  get exposed(): boolean {
    return this.#current?.exposed === true;
  }

  /** How long a drain may take, in milliseconds, as far as a worker of ours has said. */
  get drainLimit(): number {
    return this.#drainLimit;
  }

  get empty(): boolean {
    return [...this.#cohorts].every((cohort) => cohort.empty);
  }

  /** Nobody is on the way in or out. */
  get settled(): boolean {
    return [...this.#cohorts].every((cohort) => cohort.settled);
  }

  /** Start this generation's workers, from the release that it has had from its start. Throws HoldfastError: there is no such directory. */
  start(listeners: ListenerSet): void {
    if (this.#left) return;
    this.#listeners = listeners;
    const release = this.#release ?? currentRelease(this.#origin);
    this.#release = release;
    this.#drained = false;
    const before = this.#current;
    const cohort: Cohort = this.#newCohort(release, {
      ready: () => {
        if (cohort === this.#current) this.#listener.ready();
      },
      accepting: () => {
        // Those of before go on until ours accept, and one of theirs may begin to.
        if (cohort !== this.#current) return;
        this.persist();
        this.#accept();
      },
      failed: (status, reason, stack) => {
        this.#workerLog.debug(stack);
        this.#listener.failed(status, reason);
      },
    });
    this.#current = cohort;
    if (before !== undefined) this.#forget(before);
    cohort.resize(this.#wanted);
    // Behind those who may still take some of them.
    this.#portions.add(() => this.#origin.forerunners?.dismiss());
  }

  /**
   * The workers that were drained, or lack a socket, from the release that they ran. Ends in `accepting`, also where there are none such, but not
   * before they accept: some may be loading still.
   */
  bringBack(listeners: ListenerSet | undefined): void {
    if (listeners === undefined) return this.#listener.accepting();
    if (this.#drained || listeners.outdated) {
      this.#log.info(null, 'starting the workers again');
      this.start(listeners);
    }
    this.#awaited = 'all';
    this.#current?.expose();
  }

  /** Until all of them accept, one that dies is a failure. */
  expose(): void {
    this.#current?.expose(false);
  }

  /** HUP while they load, and serve nobody yet: those of the release that is current now instead. */
  renew(): void {
    const before = this.#current;
    if (before === undefined || this.#listeners === undefined) return;
    try {
      this.#release = currentRelease(this.#origin);
    } catch (error) {
      return this.#log.error('reload.failed', `reload failed, everything is as it was: ${messageOf(error)}`, { reason: messageOf(error) });
    }
    this.#log.info(null, `loading ${this.#release.cwd} instead`);
    // By hand some may accept, and do so until the new ones do.
    const { exposed } = before;
    if (!exposed) before.kill();
    this.start(this.#listeners);
    if (exposed) this.#current?.expose();
    this.persist();
  }

  /** Ends in `accepting` as soon as one of them accepts. */
  assure(): void {
    this.#awaited = 'one';
    this.#judgeAccepting();
  }

  /** The listeners that may be served are others by now. */
  deal(): void {
    this.#current?.deal();
    this.#next?.deal();
  }

  /** Try again when one fails to boot, instead of giving up. */
  persist(): void {
    this.#current?.persist();
  }

  /** Drain them all, for good. */
  retire(): void {
    this.#drained = true;
    for (const cohort of this.#cohorts) cohort.retire();
  }

  /** As above, at once. */
  quit(): void {
    this.retire();
    for (const cohort of this.#cohorts) cohort.quit();
  }

  /** They serve nobody yet. */
  kill(): void {
    this.#left = true;
    this.#drained = true;
    for (const cohort of this.#cohorts) cohort.kill();
  }

  /** TTIN, TTOU: not under one. */
  scale(by: 1 | -1): void {
    this.#wanted = Math.max(1, this.#wanted + by);
    this.#log.info(null, `${this.#wanted} worker${this.#wanted === 1 ? '' : 's'} wanted`);
    if (!this.#drained) this.#current?.resize(this.#wanted);
    this.#next?.resize(this.#wanted);
    this.#listener.hurry();
  }

  /** WINCH: none, until a reload brings them back. */
  drain(): void {
    this.#log.info(null, 'draining the workers; HUP brings them back');
    this.#drained = true;
    if (this.#next !== undefined) this.#reloadFailed(this.#next, 'the workers are to be drained', '');
    for (const cohort of this.#cohorts) cohort.retire();
    this.#listener.hurry();
  }

  reopen(): void {
    for (const cohort of this.#cohorts) for (const worker of cohort.workers) worker.reopen();
  }

  /** HUP: the release is resolved anew; its workers accept before the old ones drain. Ends in `reloaded`. */
  reload(renewal: Renewal): void {
    this.#log.info('reload.start', 'reading the app again');
    this.#renewal = renewal;
    renewal.begin(this.#drained);
    try {
      const release = currentRelease(this.#origin);
      const next: Cohort = this.#newCohort(release, {
        ready: () => next.expose(false),
        accepting: () => {
          if (renewal.done) this.#reloaded(next, release);
          else if (next === this.#next) renewal.complete(this.#origin.settings.gracefulTimeout * 1000, () => this.#renewed(next));
        },
        failed: (_status, reason, stack) => this.#reloadFailed(next, reason, stack),
      });
      this.#next = next;
      next.resize(this.#wanted);
    } catch (error) {
      this.#reloadFailed(undefined, messageOf(error), '');
    }
  }

  tick(now: number): void {
    for (const cohort of this.#cohorts) cohort.tick(now);
    this.#judgeAccepting();
  }

  rearm(milliseconds: number): void {
    for (const cohort of this.#cohorts) cohort.rearm(milliseconds);
  }

  /** Those of before, where they accepted until now, leave. */
  #accept(): void {
    this.#awaited = 'none';
    for (const cohort of this.#cohorts) if (cohort !== this.#current && cohort !== this.#next) cohort.retire();
    this.#listener.accepting();
  }

  /** Where all are awaited, one that fails to boot is not, if another one accepts. */
  #judgeAccepting(): void {
    const { limps = false, serves = false } = this.#current ?? {};
    if (this.#awaited === 'one' ? serves : this.#awaited === 'all' && limps) this.#accept();
  }

  /** Asked again, it accepts: on the old sockets no more. */
  #renewed(next: Cohort): void {
    next.deal();
    next.expose(false);
  }

  #reloaded(next: Cohort, release: Release): void {
    if (next === this.#current) return this.#accept();
    if (next !== this.#next) return;
    const old = this.#current;
    this.#current = next;
    this.#next = undefined;
    this.#release = release;
    this.#drained = false;
    next.persist();
    old?.retire();
    if (old !== undefined) this.#forget(old);
    this.#log.info('reload.done', `the workers of ${release.cwd} accept`);
    this.#listener.reloaded();
  }

  #reloadFailed(next: Cohort | undefined, reason: string, stack: string): void {
    if (next !== this.#next) return;
    this.#workerLog.debug(stack);
    this.#next = undefined;
    this.#renewal?.abandon();
    next?.retire();
    if (next !== undefined) this.#forget(next);
    this.#log.error('reload.failed', `reload failed, everything is as it was: ${reason}`, { reason });
    this.#listener.reloaded();
  }

  #newCohort(release: Release, outcome: Outcome): Cohort {
    const shares = (slots: readonly number[]) => this.#listeners?.deal(slots) ?? new Map();
    const cohort: Cohort = new Cohort(this.#portions, (slot) => this.#order(slot, release), shares, {
      ready: () => this.#later(outcome.ready),
      accepting: () => this.#later(outcome.accepting),
      failed: (...failure) => this.#later(() => outcome.failed(...failure)),
      spawned: (worker, instead) => this.#later(() => this.#workerLog.spawned(worker, instead)),
      workerReady: (worker) => {
        this.#mayDrainFor(worker.drainLimit);
        this.#workerLog.ready(worker);
      },
      workerAccepts: (worker) => this.#mayDrainFor(worker.drainLimit),
      restrained: (worker, by) => {
        this.#workerLog.restrained(worker, by);
        this.#listener.hurry();
      },
      ended: (...ended) => {
        this.#workerLog.ended(...ended);
        this.#listener.hurry();
      },
      empty: () => this.#later(() => this.#forget(cohort)),
    });
    this.#cohorts.add(cohort);
    this.#listener.hurry();
    return cohort;
  }

  #mayDrainFor(milliseconds: number): void {
    this.#drainLimit = Math.max(this.#drainLimit, milliseconds);
  }

  #forget(cohort: Cohort): void {
    if (cohort === this.#current || cohort === this.#next || !cohort.empty) return;
    // Some may be about to be started, of which nobody would know.
    cohort.retire();
    this.#cohorts.delete(cohort);
  }

  #order(slot: number, pinned: Release): WorkerOrder {
    const order = workerOrder(this.#origin, pinnedOrOther(pinned, this.#origin), slot, this.#listeners?.all ?? []);
    return { ...order, started: this.#origin.forerunners?.take(order.start) };
  }
}
