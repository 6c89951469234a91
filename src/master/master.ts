/**
 * The arbiter (master): signals, messages, exits and the clock only enqueue, and one loop takes one event per turn. What follows from an
 * event is decided by the tables in upgrade/; this file does it.
 */
import { performance } from 'node:perf_hooks';
import type { ChannelEnd } from '../channel/channel.js';
import { type BoundFile, type FromCandidate, SPOKEN, type ToCandidate } from '../channel/master-messages.js';
import { EXIT, HoldfastError, messageOf } from '../errors.js';
import { encodeListeners } from '../listeners/index.js';
import type { Log } from '../log/log.js';
import { Pidfile } from '../pidfile/index.js';
import { killProcess } from '../sys/process-group.js';
import { type Candidacy, type CandidacyEffect, type CandidacyEvent, candidacy, newCandidacy, type Stop } from '../upgrade/candidacy.js';
import { type Incumbency, type IncumbencyEffect, type IncumbencyEvent, incumbencyOf } from '../upgrade/incumbency.js';
import { DRAIN_PATIENCE } from '../upgrade/limits.js';
import { Candidate } from './candidate.js';
import { Clock, type Pace } from './clock.js';
import { ListenerSet, removeBoundFiles } from './listener-set.js';
import type { Origin } from './origin.js';
import type { MasterSignal } from './signals.js';
import { Workers } from './workers.js';

type Event =
  | { readonly for: 'candidacy'; readonly event: CandidacyEvent }
  | { readonly for: 'incumbency'; readonly event: IncumbencyEvent }
  | { readonly for: 'either'; readonly event: Extract<CandidacyEvent, { readonly event: 'stop' | 'upgrade' | 'reload' | 'deadline' }> }
  | { readonly for: 'workers'; readonly act: () => void };

export interface Departure {
  readonly status: number;
  /** Why it failed. */
  readonly reason?: string;
  readonly log: Log;
}

export class Master {
  readonly #origin: Origin;
  readonly #log: Log;
  readonly #step: ReturnType<typeof incumbencyOf>;
  readonly #departed: (departure: Departure) => void;
  readonly #queue: Event[] = [];
  #turning = false;

  #candidacy: Candidacy;
  #incumbency: Incumbency = { is: 'serving' };
  #inCharge = false;
  /** The incumbent knows why this candidate gives up. */
  #told = false;
  #readyLogged = false;

  readonly #workers: Workers;

  #listeners: ListenerSet | undefined;
  #pidfile: Pidfile | undefined;
  #candidate: Candidate | undefined;
  #candidateFiles: readonly BoundFile[] = [];
  /** Positions of the listeners that the candidate goes on with. */
  #kept: readonly number[] = [];
  #reverting: { readonly exposed: boolean; readonly killAt: number } | undefined;
  #clearing = false;
  #retireeKillAt = Number.POSITIVE_INFINITY;
  #departure: Omit<Departure, 'log'> = { status: EXIT.ok };
  #leaving = false;
  readonly #clock: Clock;

  constructor(origin: Origin, departed: (departure: Departure) => void) {
    this.#origin = origin;
    this.#log = origin.log;
    this.#departed = departed;
    this.#step = incumbencyOf(origin.settings.upgradeTimeout * 1000);
    this.#candidacy = origin.before === undefined ? { is: 'first' } : newCandidacy(performance.now(), origin.before.deadline);
    this.#clock = new Clock({ pace: () => this.#pace(), judge: (now) => this.#judge(now), rearm: (late) => this.#rearm(late) });
    this.#workers = new Workers(origin, (act) => this.#post({ for: 'workers', act }), {
      ready: () => this.#post({ for: 'candidacy', event: { event: 'loaded' } }),
      accepting: () => this.#accepting(),
      failed: (status, reason) => this.#post({ for: 'candidacy', event: { event: 'loadFailed', status, reason } }),
      reloaded: () => this.#post({ for: 'incumbency', event: { event: 'reloaded' } }),
      hurry: () => this.#clock.hurry(),
    });
  }

  /** Begin. Everything that fails from here on ends in a departure. */
  start(): void {
    this.#log.info(
      'master.start',
      `${this.#origin.before === undefined ? 'starting' : 'candidate'} of generation ${this.#origin.generation}`,
      {
        app: this.#origin.settings.app,
        workers: this.#workers.wanted,
      },
    );
    this.#origin.before?.predecessor.listen({
      message: (message) => this.#hearPredecessor(message),
      end: (how) => this.#predecessorEnded(how),
    });
    this.#clock.start();
    this.#prepare().catch((error: unknown) => this.#loadFailed(error));
  }

  signal(signal: MasterSignal): void {
    this.#log.debug(null, `got ${signal}`);
    const posts: Record<MasterSignal, () => void> = {
      SIGTERM: () => this.#post({ for: 'either', event: { event: 'stop', quick: false } }),
      SIGINT: () => this.#post({ for: 'either', event: { event: 'stop', quick: true } }),
      SIGQUIT: () => this.#post({ for: 'either', event: { event: 'stop', quick: true } }),
      SIGHUP: () => this.#post({ for: 'either', event: { event: 'reload' } }),
      SIGUSR1: () => this.#post({ for: 'workers', act: () => this.#reopen('both') }),
      SIGUSR2: () => this.#post({ for: 'either', event: { event: 'upgrade' } }),
      SIGWINCH: () => this.#post({ for: 'workers', act: () => this.#drainWorkers() }),
      SIGTTIN: () => this.#post({ for: 'workers', act: () => this.#workers.scale(1) }),
      SIGTTOU: () => this.#post({ for: 'workers', act: () => this.#workers.scale(-1) }),
    };
    posts[signal]();
  }

  /** Nobody watches the keeper's pid any more: what was started on a terminal or in a container must not outlive it unseen. */
  keeperLost(): void {
    if (this.#inCharge) this.#post({ for: 'incumbency', event: { event: 'stop', quick: false } });
  }

  // The loop.

  #post(event: Event): void {
    this.#queue.push(event);
    if (this.#turning) return;
    this.#turning = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#turn(next);
    } finally {
      this.#turning = false;
    }
  }

  #turn(event: Event): void {
    if (event.for === 'workers') event.act();
    else if (event.for === 'candidacy') this.#candidacyTurn(event.event);
    else if (event.for === 'incumbency') this.#incumbencyTurn(event.event);
    else if (this.#candidacy.is === 'incumbent') this.#incumbencyTurn(event.event);
    else this.#candidacyTurn(event.event);
    if (this.#candidacy.is === 'incumbent' && this.#empty) this.#incumbencyTurn({ event: 'empty' });
    if (this.#leaving) this.#leaveWhenEmpty();
  }

  #candidacyTurn(event: CandidacyEvent): void {
    const { state, effects } = candidacy(this.#candidacy, event, performance.now());
    if (state.is !== this.#candidacy.is) this.#log.debug(null, `${this.#candidacy.is}: ${event.event}: ${state.is}`);
    this.#candidacy = state;
    for (const effect of effects) this.#doForCandidacy(effect);
  }

  #incumbencyTurn(event: IncumbencyEvent): void {
    const { state, effects } = this.#step(this.#incumbency, event, performance.now());
    if (state.is !== this.#incumbency.is) this.#log.debug(null, `${this.#incumbency.is}: ${event.event}: ${state.is}`);
    this.#incumbency = state;
    for (const effect of effects) this.#doForIncumbency(effect);
    this.#clock.hurry();
  }

  get #empty(): boolean {
    return this.#workers.empty && this.#reverting === undefined && this.#origin.before?.predecessor.alive !== true;
  }

  // The clock.

  #pace(): Pace {
    if (this.#reverting !== undefined) return 'hurried';
    const quiet = this.#candidacy.is === 'incumbent' && this.#incumbency.is === 'serving' && this.#workers.settled;
    return quiet ? 'idle' : 'busy';
  }

  #judge(now: number): void {
    this.#workers.tick(now);
    if (this.#reverting !== undefined) this.#watchEnd(now, this.#reverting);
    if (now > this.#retireeKillAt) this.#killRetiree();
    const state = this.#candidacy.is === 'incumbent' ? this.#incumbency : this.#candidacy;
    if ('deadline' in state && now > state.deadline) this.#post({ for: 'either', event: { event: 'deadline' } });
  }

  #rearm(late: number): void {
    this.#log.warning(null, `was stopped, or the machine slept, for ${Math.round(late)} ms: all deadlines begin again from here`);
    this.#workers.rearm(late);
    if ('deadline' in this.#candidacy) this.#candidacy = { ...this.#candidacy, deadline: this.#candidacy.deadline + late };
    if ('deadline' in this.#incumbency) this.#incumbency = { ...this.#incumbency, deadline: this.#incumbency.deadline + late };
    if (this.#reverting !== undefined) this.#reverting = { ...this.#reverting, killAt: this.#reverting.killAt + late };
    this.#retireeKillAt += late;
  }

  // Starting.

  async #prepare(): Promise<void> {
    const { settings, base, before } = this.#origin;
    this.#listeners = await ListenerSet.settle(settings.bind, base, before?.inherited ?? [], this.#log);
    before?.predecessor.send({ type: 'bound', files: this.#listeners.newFiles });
    for (const listener of this.#listeners.adopted) this.#logListener('listener.inherited', listener.bound);
    if (settings.pid !== undefined)
      this.#pidfile = before === undefined ? await Pidfile.claim(settings.pid) : await Pidfile.propose(settings.pid);
    this.#post({ for: 'workers', act: () => this.#startWorkers() });
  }

  #startWorkers(): void {
    if (this.#leaving) return;
    try {
      this.#workers.start(this.#listeners?.all ?? []);
    } catch (error) {
      this.#loadFailed(error);
    }
  }

  #loadFailed(error: unknown): void {
    const status = error instanceof HoldfastError ? error.exitStatus : EXIT.failed;
    if (!(error instanceof HoldfastError) && error instanceof Error && error.stack !== undefined) this.#log.debug(null, error.stack);
    this.#post({ for: 'candidacy', event: { event: 'loadFailed', status, reason: messageOf(error) } });
  }

  #accepting(): void {
    this.#post({ for: 'candidacy', event: { event: 'exposed' } });
    this.#post({ for: 'incumbency', event: { event: 'accepting' } });
  }

  #doForCandidacy(effect: CandidacyEffect): void {
    switch (effect.do) {
      case 'refuse':
        return this.#refuse(effect.why);
      case 'sayReady':
        this.#log.info('upgrade.ready', 'loaded and probed; waiting for the commit');
        return this.#origin.before?.predecessor.send({ type: 'ready', kept: this.#keptPositions() });
      case 'sayFailed':
        this.#told = this.#origin.before?.predecessor.alive === true;
        return this.#origin.before?.predecessor.send({ type: 'failed', status: effect.status, reason: effect.reason });
      case 'expose':
        return this.#expose();
      case 'rotate':
        return this.#act(this.#rotate(), () => ({ event: 'rotated' }));
      case 'claim':
        return this.#act(this.#claim(), (ours) => ({ event: 'claimed', ours }));
      case 'retry':
        this.#log.error(null, `${effect.reason}; trying again`);
        return this.#workers.persist();
      case 'takeCharge':
        return this.#takeCharge(effect.stop);
      case 'leave':
        return this.#giveUp(effect.status, effect.reason);
    }
  }

  /** What takes its time answers with an event. */
  #act<T>(doing: Promise<T>, event: (result: T) => CandidacyEvent): void {
    doing.then(
      (result) => this.#post({ for: 'candidacy', event: event(result) }),
      (error: unknown) => this.#post({ for: 'candidacy', event: { event: 'exposeFailed', reason: messageOf(error) } }),
    );
  }

  #expose(): void {
    try {
      this.#listeners?.listen(this.#origin.settings.backlog);
      for (const listener of this.#listeners?.bound ?? []) this.#logListener('listener.bound', listener.bound);
      this.#workers.expose();
    } catch (error) {
      this.#post({ for: 'candidacy', event: { event: 'exposeFailed', reason: messageOf(error) } });
    }
  }

  async #rotate(): Promise<void> {
    if (this.#pidfile === undefined) return;
    const predecessor = this.#origin.before?.predecessor;
    if (predecessor?.alive === true) await this.#pidfile.rotate();
    else if (!(await this.#pidfile.succeed(predecessor?.pid ?? 0)))
      throw new HoldfastError(`${this.#pidfile.path} names somebody else by now`);
    this.#log.info('pidfile.rotated', `${this.#pidfile.path} names ${process.pid}`);
  }

  /** The incumbent died before commit: one of all who might may take its place. */
  async #claim(): Promise<boolean> {
    const predecessor = this.#origin.before?.predecessor;
    if (predecessor?.claimSuccession() !== true) return false;
    this.#log.warning(null, `the incumbent (pid ${predecessor.pid}) died; taking its place`);
    if (this.#pidfile === undefined) return true;
    const ours = await this.#pidfile.succeed(predecessor.pid);
    if (ours) this.#log.info('pidfile.rotated', `${this.#pidfile.path} names ${process.pid}`);
    return ours;
  }

  #takeCharge(stop: Stop): void {
    const { before, generation, keeper } = this.#origin;
    this.#inCharge = true;
    this.#incumbency = { is: 'serving' };
    before?.predecessor.send({ type: 'serving' });
    if (before?.predecessor.alive === false) before.predecessor.drop();
    keeper?.tell({ type: 'charge', pid: process.pid, generation });
    this.#logReady();
    if (stop !== 'none') this.#post({ for: 'incumbency', event: { event: 'stop', quick: stop === 'quick' } });
  }

  #logReady(): void {
    if (this.#readyLogged) return;
    this.#readyLogged = true;
    const addresses = this.#listeners?.all.map((listener) => listener.bound).join(', ');
    this.#log.info('master.ready', `serving on ${addresses} with ${this.#workers.wanted} worker${this.#workers.wanted === 1 ? '' : 's'}`);
  }

  /** Before it was in charge. */
  #giveUp(status: number, reason: string): void {
    // A candidate's incumbent says why the upgrade was rolled back; nobody reads what a candidate writes to a terminal.
    this.#departure = status === EXIT.ok || this.#origin.before !== undefined ? { status } : { status, reason };
    if (this.#origin.before !== undefined && !this.#told) this.#log.error(null, `the candidate gives up: ${reason}`);
    this.#leaving = true;
    this.#workers.kill();
  }

  #leaveWhenEmpty(): void {
    if (this.#workers.empty) this.#leave();
  }

  // Being in charge, and after.

  #doForIncumbency(effect: IncumbencyEffect): void {
    switch (effect.do) {
      case 'refuse':
        return this.#refuse(effect.why);
      case 'reload':
        return this.#workers.reload();
      case 'launch':
        return this.#launch();
      case 'releaseRetirees':
        return this.#releaseRetirees();
      case 'commit':
        this.#log.info('upgrade.commit', 'the candidate may accept');
        return this.#candidate?.send({ type: 'commit' });
      case 'revert':
        return this.#revert(effect.exposed);
      case 'rolledBack':
        return this.#rolledBack(effect.reason);
      case 'pass':
        return this.#candidate?.send({ type: 'pass', signal: effect.signal });
      case 'retire':
        return this.#retire();
      case 'giveWord':
        return this.#giveWord();
      case 'restore':
        return this.#restore();
      case 'comeBack':
        return this.#comeBack();
      case 'dropSuccessor':
        this.#logReady();
        return this.#dropCandidate();
      case 'stop':
        return this.#stop(effect.quick);
      case 'leave':
        return this.#leave();
    }
  }

  #refuse(why: string): void {
    this.#log.warning(null, `refused: ${why}`);
  }

  #launch(): void {
    const { command, base, generation, lease, succession, keeper, settings } = this.#origin;
    const listeners = this.#listeners?.all ?? [];
    this.#log.info('upgrade.start', `starting generation ${generation + 1}`, { command: command.argv });
    this.#kept = [];
    try {
      this.#candidate = new Candidate(
        {
          argv: command.argv,
          directory: command.directory,
          env: command.env,
          encodedListeners: encodeListeners(listeners),
          listeners: listeners.map((listener) => listener.fd),
          handover: {
            type: 'handover',
            generation: generation + 1,
            base,
            deadline: settings.upgradeTimeout * 1000,
            keeper: keeper !== undefined,
          },
          lease: lease.writing,
          succession,
          keeper: keeper?.fd,
        },
        {
          message: (message) => this.#hearCandidate(message),
          end: (how) =>
            how === 'garbage'
              ? this.#post({ for: 'incumbency', event: { event: 'failed', reason: 'sent what is no message' } })
              : this.#post({ for: 'incumbency', event: { event: 'gone' } }),
        },
      );
    } catch (error) {
      this.#post({ for: 'incumbency', event: { event: 'failed', reason: `cannot be started: ${messageOf(error)}` } });
    }
  }

  #hearCandidate(message: FromCandidate): void {
    switch (message.type) {
      case 'hello':
        this.#candidate?.introduce(message.pid);
        if (message.min > SPOKEN.max || message.max < SPOKEN.min) {
          const reason = `speaks versions ${message.min} to ${message.max} of the protocol, this master ${SPOKEN.min} to ${SPOKEN.max}`;
          return this.#post({ for: 'incumbency', event: { event: 'failed', reason } });
        }
        return this.#post({ for: 'incumbency', event: { event: 'hello' } });
      case 'ready':
        this.#kept = message.kept.filter((position) => Number.isInteger(position));
        return this.#post({ for: 'incumbency', event: { event: 'ready' } });
      case 'failed':
        return this.#post({ for: 'incumbency', event: { event: 'failed', reason: message.reason } });
      case 'bound':
        this.#candidateFiles = message.files;
        return;
      case 'serving':
        return this.#post({ for: 'incumbency', event: { event: 'serving' } });
      case 'release':
        return this.#post({ for: 'incumbency', event: { event: 'release' } });
      case 'stop':
        // Only a successor may order that, never a candidate.
        if (this.#inCharge) return;
        return this.#post({ for: 'incumbency', event: { event: 'stop', quick: message.quick } });
      case 'reopen':
        return this.#post({ for: 'workers', act: () => this.#reopen('older') });
    }
  }

  #releaseRetirees(): void {
    const predecessor = this.#origin.before?.predecessor;
    if (predecessor?.alive === true) predecessor.send({ type: 'release' });
    else this.#post({ for: 'incumbency', event: { event: 'retireesReleased' } });
  }

  #revert(exposed: boolean): void {
    if (exposed) this.#candidate?.behead();
    else this.#candidate?.kill();
    const limit = exposed ? this.#origin.settings.gracefulTimeout * 1000 + DRAIN_PATIENCE : 0;
    this.#reverting ??= { exposed, killAt: performance.now() + limit };
  }

  /** Until nothing of the candidate is left. */
  #watchEnd(now: number, reverting: { readonly exposed: boolean; readonly killAt: number }): void {
    if (now > reverting.killAt) this.#candidate?.kill();
    if (this.#clearing || this.#candidate?.cleared === false) return;
    this.#clearing = true;
    this.#clearAway(reverting.exposed)
      .catch((error: unknown) => this.#log.error(null, messageOf(error)))
      .finally(() => {
        this.#clearing = false;
        this.#reverting = undefined;
        this.#post({ for: 'incumbency', event: { event: 'cleared' } });
      });
  }

  async #clearAway(exposed: boolean): Promise<void> {
    const pid = this.#candidate?.pid;
    removeBoundFiles(this.#candidateFiles);
    this.#candidateFiles = [];
    if (exposed && pid !== undefined) await this.#pidfile?.restore(pid);
    await this.#pidfile?.discardCandidate(pid);
  }

  #rolledBack(reason: string): void {
    const words = this.#candidate?.lastWords() ?? '';
    this.#dropCandidate();
    this.#log.error('upgrade.rollback', `upgrade rolled back: the candidate ${reason}`, { reason, ...(words === '' ? {} : { words }) });
  }

  #dropCandidate(): void {
    this.#candidate?.close();
    this.#candidate = undefined;
  }

  #retire(): void {
    this.#inCharge = false;
    this.#log.info('upgrade.done', `generation ${this.#origin.generation + 1} (pid ${this.#candidate?.pid}) is in charge`);
    const dropped = (this.#listeners?.all ?? []).flatMap((_, position) => (this.#kept.includes(position) ? [] : [position]));
    this.#drainAfter(dropped, () => this.#listeners?.removeFiles(dropped));
  }

  /** Whoever waits on a listener that nobody goes on with is served first. */
  #drainAfter(positions: readonly number[], then: () => void): void {
    const drain = () => {
      then();
      this.#workers.retire();
    };
    if (positions.length === 0) return drain();
    void this.#listeners?.emptied(positions).then(() => this.#post({ for: 'workers', act: drain }));
  }

  #giveWord(): void {
    this.#candidate?.send({ type: 'released' });
    this.#candidate?.dropLease();
    this.#listeners?.close();
  }

  #restore(): void {
    void this.#restored().then((ours) => this.#post({ for: 'incumbency', event: { event: 'restored', ours } }));
  }

  /** Our successor died: one of all who might may take its place. */
  async #restored(): Promise<boolean> {
    const candidate = this.#candidate;
    if (candidate?.claimSuccession() !== true) return false;
    try {
      return this.#pidfile === undefined || (await this.#pidfile.restore(candidate.pid ?? 0));
    } catch (error) {
      this.#log.error(null, messageOf(error));
      return false;
    }
  }

  #comeBack(): void {
    this.#inCharge = true;
    this.#log.warning(null, `the successor (pid ${this.#candidate?.pid}) died; this generation is in charge again`);
    if (this.#pidfile !== undefined) this.#log.info('pidfile.rotated', `${this.#pidfile.path} names ${process.pid}`);
    this.#origin.keeper?.tell({ type: 'charge', pid: process.pid, generation: this.#origin.generation });
    this.#startWorkers();
    this.#workers.expose();
  }

  #stop(quick: boolean): void {
    this.#log.info(null, quick ? 'stopping at once' : 'stopping: connections are drained');
    this.#retireeKillAt = performance.now() + this.#drainLimit + DRAIN_PATIENCE;
    if (this.#origin.before?.predecessor.alive === true) this.#origin.before.predecessor.send({ type: 'stop', quick });
    const ours = this.#inCharge ? (this.#listeners?.all ?? []).map((_, position) => position) : [];
    const close = () => {
      this.#listeners?.removeFiles(ours);
      this.#listeners?.close();
    };
    if (!quick) return this.#drainAfter(ours, close);
    this.#workers.quit();
    close();
  }

  get #drainLimit(): number {
    const { gracefulTimeout, keepAlive } = this.#origin.settings;
    return Math.max(gracefulTimeout, keepAlive + 2) * 1000 + DRAIN_PATIENCE;
  }

  #killRetiree(): void {
    this.#retireeKillAt = Number.POSITIVE_INFINITY;
    const predecessor = this.#origin.before?.predecessor;
    if (predecessor?.alive !== true) return;
    this.#log.warning(null, `the retiree (pid ${predecessor.pid}) did not leave in time; it is killed`);
    killProcess(predecessor.pid);
  }

  #leave(): void {
    this.#clock.stop();
    this.#leaving = false;
    this.#listeners?.close();
    const released = this.#pidfile?.release() ?? Promise.resolve();
    released
      .catch((error: unknown) => this.#log.warning(null, messageOf(error)))
      .then(() => {
        const last = this.#inCharge || (this.#candidacy.is === 'leaving' && this.#origin.before?.predecessor.alive !== true);
        this.#log.info('master.exit', 'leaving', { status: this.#departure.status });
        this.#log.flush();
        if (last) this.#origin.keeper?.tell({ type: 'exit', status: this.#departure.status });
        const depart = () => this.#departed({ ...this.#departure, log: this.#log });
        if (this.#candidate?.connected === true) this.#candidate.send({ type: 'farewell' }, depart);
        else depart();
      });
  }

  // The generation before.

  #hearPredecessor(message: ToCandidate): void {
    switch (message.type) {
      case 'commit':
        return this.#post({ for: 'candidacy', event: { event: 'commit' } });
      case 'cancel':
        return this.#post({ for: 'candidacy', event: { event: 'cancel', reason: message.reason } });
      case 'pass':
        return this.#pass(message.signal);
      case 'reopen':
        return this.#post({ for: 'workers', act: () => this.#reopen('none') });
      case 'released':
        return this.#post({ for: 'incumbency', event: { event: 'retireesReleased' } });
      case 'handover':
      case 'farewell':
        return;
    }
  }

  #pass(signal: string): void {
    if (signal === 'SIGHUP' || signal === 'SIGUSR2' || signal === 'SIGTERM' || signal === 'SIGINT') this.signal(signal);
  }

  #predecessorEnded(how: ChannelEnd): void {
    if (this.#candidacy.is !== 'incumbent') return this.#post({ for: 'candidacy', event: { event: 'gone' } });
    // It left, or was killed: then its workers drain, for we were the last to hold their lease.
    const predecessor = this.#origin.before?.predecessor;
    predecessor?.drop();
    if (predecessor !== undefined && how !== 'farewell')
      this.#pidfile?.discardRetiree(predecessor.pid).catch((error: unknown) => this.#log.warning(null, messageOf(error)));
    this.#post({ for: 'incumbency', event: { event: 'retireesReleased' } });
  }

  // Orders that no table decides.

  /** `others`: the generations to which the order goes on. */
  #reopen(others: 'both' | 'older' | 'none'): void {
    this.#log.reopen();
    if (others === 'both') this.#candidate?.send({ type: 'reopen' });
    if (others !== 'none' && this.#candidacy.is === 'incumbent') this.#origin.before?.predecessor.send({ type: 'reopen' });
    this.#workers.reopen();
  }

  #drainWorkers(): void {
    if (this.#inCharge && this.#incumbency.is !== 'stopping') this.#workers.drain();
    else this.#refuse('this master is not the one that serves');
  }

  // Small things.

  #keptPositions(): number[] {
    const adopted = new Set(this.#listeners?.adopted.map((listener) => listener.fd));
    return (this.#origin.before?.inherited ?? []).flatMap((listener, position) => (adopted.has(listener.fd) ? [position] : []));
  }

  #logListener(event: 'listener.bound' | 'listener.inherited', address: string): void {
    this.#log.info(event, `${event === 'listener.bound' ? 'listening on' : 'inherited'} ${address}`, { address });
  }
}
