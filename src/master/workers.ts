/** All the workers of one master (master): those in charge, those that a reload starts, those that leave. */
import { messageOf } from '../errors.js';
import type { Log } from '../log/log.js';
import type { Cohort } from './cohort.js';
import { Cohorts } from './cohorts.js';
import type { ListenerSet } from './listener-set.js';
import type { Origin } from './origin.js';
import { type Quorum, suffices } from './quorum.js';
import { currentRelease, type Release } from './release.js';
import { Reload } from './reload.js';
import type { Renewal } from './renewal.js';
import { WorkerLog } from './worker-log.js';

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

export class Workers {
  readonly #origin: Origin;
  readonly #log: Log;
  readonly #workerLog: WorkerLog;
  readonly #listener: WorkersListener;
  readonly #cohorts: Cohorts;
  #release: Release | undefined;
  #current: Cohort | undefined;
  #reload: Reload | undefined;
  #wanted: number;
  /** None are wanted: after WINCH until HUP, or because this generation leaves. */
  #drained = true;
  /** This generation gave up, perhaps before it had any. */
  #left = false;
  /** Somebody leaves when so many of ours accept. */
  #awaited: Quorum = 'none';

  /** `later`: do it in a turn of the master's loop. */
  constructor(origin: Origin, later: (act: () => void) => void, listener: WorkersListener) {
    this.#origin = origin;
    this.#log = origin.log;
    this.#workerLog = new WorkerLog(origin.log, origin.settings.timeout);
    this.#listener = listener;
    this.#wanted = origin.settings.workers;
    this.#cohorts = new Cohorts(origin, this.#workerLog, later, {
      ready: (cohort) => this.#ready(cohort),
      accepting: (cohort) => this.#accepting(cohort),
      failed: (cohort, ...failure) => this.#failed(cohort, ...failure),
      hurry: () => listener.hurry(),
    });
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
    return this.#cohorts.drainLimit;
  }

  get empty(): boolean {
    return this.#cohorts.empty;
  }

  /** Nobody is on the way in or out. */
  get settled(): boolean {
    return this.#cohorts.settled;
  }

  /** Start this generation's workers, from the release that it has had from its start. Throws HoldfastError: there is no such directory. */
  start(listeners: ListenerSet): void {
    if (this.#left) return;
    this.#cohorts.listeners = listeners;
    this.#release ??= currentRelease(this.#origin);
    this.#drained = false;
    const before = this.#current;
    this.#current = this.#cohorts.found(this.#release);
    if (before !== undefined) this.#cohorts.supersede(before);
    this.#current.resize(this.#wanted);
    // Behind those who may still take some of them.
    this.#cohorts.afterwards(() => this.#origin.forerunners?.dismiss());
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
    const { listeners } = this.#cohorts;
    if (before === undefined || listeners === undefined) return;
    try {
      this.#release = currentRelease(this.#origin);
    } catch (error) {
      this.#logFailure(messageOf(error));
      // Who waits for them has been told to wait for others.
      return before.resize(this.#wanted);
    }
    this.#log.info(null, `loading ${this.#release.cwd} instead`);
    // By hand some may accept, and do so until the new ones do.
    const { exposed } = before;
    if (!exposed) before.kill();
    this.start(listeners);
    if (exposed) this.#current?.expose();
    this.persist();
  }

  /** HUP while they are brought back: as above, if one of them did not live. */
  renewFailing(): void {
    if (this.#current?.fails === true) this.renew();
  }

  /** Ends in `accepting` as soon as one of them accepts. */
  assure(): void {
    this.#awaited = 'one';
    this.#judgeAccepting();
  }

  /** The listeners that may be served are others by now. */
  deal(): void {
    this.#current?.deal();
    this.#reload?.next.deal();
  }

  /** Try again when one fails to boot, instead of giving up. */
  persist(): void {
    this.#current?.persist();
  }

  /** Drain them all, for good. */
  retire(): void {
    this.#drained = true;
    for (const cohort of this.#cohorts.all) cohort.retire();
    // Nobody is to be added to it any more.
    this.#reload = undefined;
  }

  /** As above, at once. */
  quit(): void {
    this.retire();
    for (const cohort of this.#cohorts.all) cohort.quit();
  }

  /** They serve nobody yet. */
  kill(): void {
    this.#left = true;
    this.#drained = true;
    for (const cohort of this.#cohorts.all) cohort.kill();
  }

  /** TTIN, TTOU: not under one. */
  scale(by: 1 | -1): void {
    this.#wanted = Math.max(1, this.#wanted + by);
    this.#log.info(null, `${this.#wanted} worker${this.#wanted === 1 ? '' : 's'} wanted`);
    if (!this.#drained) this.#current?.resize(this.#wanted);
    this.#reload?.next.resize(this.#wanted);
    this.#listener.hurry();
  }

  /** WINCH: none, until a reload brings them back. */
  drain(): void {
    this.#log.info(null, 'draining the workers; HUP brings them back');
    this.#drained = true;
    if (this.#reload !== undefined) this.#reloadFailed('the workers are to be drained');
    for (const cohort of this.#cohorts.all) cohort.retire();
    this.#listener.hurry();
  }

  reopen(): void {
    for (const cohort of this.#cohorts.all) for (const worker of cohort.workers) worker.reopen();
  }

  /** HUP: the release is resolved anew; its workers accept before the old ones drain. Ends in `reloaded`. */
  reload(renewal: Renewal): void {
    this.#log.info('reload.start', 'reading the app again');
    renewal.begin(this.#drained);
    let release: Release;
    try {
      release = currentRelease(this.#origin);
    } catch (error) {
      renewal.abandon();
      return this.#reloadOver(messageOf(error));
    }
    this.#reload = new Reload(release, this.#cohorts.found(release), renewal, this.#origin.settings.gracefulTimeout * 1000);
    this.#reload.next.resize(this.#wanted);
  }

  tick(now: number): void {
    for (const cohort of this.#cohorts.all) cohort.tick(now);
    this.#judgeAccepting();
  }

  rearm(milliseconds: number): void {
    for (const cohort of this.#cohorts.all) cohort.rearm(milliseconds);
  }

  #ready(cohort: Cohort): void {
    if (cohort === this.#current) this.#listener.ready();
    else if (cohort === this.#reload?.next) this.#reload.ready();
  }

  /** Those of before go on until ours accept, and one of theirs may begin to. */
  #accepting(cohort: Cohort): void {
    if (cohort === this.#current) {
      this.persist();
      this.#accept();
    } else if (cohort === this.#reload?.next && this.#reload.accepting()) this.#reloaded(this.#reload);
  }

  #failed(cohort: Cohort, status: number, reason: string, stack: string): void {
    this.#workerLog.debug(stack);
    if (cohort === this.#current) this.#listener.failed(status, reason);
    else if (cohort === this.#reload?.next) this.#reloadFailed(reason);
  }

  /** Those of before, where they accepted until now, leave. */
  #accept(): void {
    this.#awaited = 'none';
    for (const cohort of this.#cohorts.all) if (cohort !== this.#current && cohort !== this.#reload?.next) cohort.retire();
    this.#listener.accepting();
  }

  /** One that fails to boot is not awaited, if another one accepts. */
  #judgeAccepting(): void {
    if (this.#current !== undefined && suffices(this.#awaited, this.#current)) this.#accept();
  }

  #reloaded({ next, release }: Reload): void {
    const old = this.#current;
    this.#current = next;
    this.#reload = undefined;
    this.#release = release;
    this.#drained = false;
    next.persist();
    old?.retire();
    if (old !== undefined) this.#cohorts.supersede(old);
    this.#log.info('reload.done', `the workers of ${release.cwd} accept`);
    this.#listener.reloaded();
  }

  #reloadFailed(reason: string): void {
    const reload = this.#reload;
    this.#reload = undefined;
    reload?.abandon();
    if (reload !== undefined) this.#cohorts.supersede(reload.next);
    this.#reloadOver(reason);
  }

  #reloadOver(failure: string): void {
    this.#logFailure(failure);
    this.#listener.reloaded();
  }

  #logFailure(reason: string): void {
    this.#log.error('reload.failed', `reload failed, everything is as it was: ${reason}`, { reason });
  }
}
