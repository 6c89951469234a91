/** What a master does until it is in charge (master): the effects of upgrade/candidacy. */
import type { ToCandidate } from '../channel/master-messages.js';
import { EXIT, HoldfastError, messageOf } from '../errors.js';
import { Pidfile } from '../pidfile/index.js';
import type { CandidacyEffect, CandidacyEvent, Stop } from '../upgrade/candidacy.js';
import type { Departure, Generation } from './generation.js';
import { ListenerSet } from './listener-set.js';
import { byAddress } from './own-sockets.js';

export interface CandidateTurns {
  post(event: CandidacyEvent): void;
  /** Do it in a turn of its own. */
  later(act: () => void): void;
  refuse(why: string): void;
  /** It is in charge; an order may have waited for that. */
  takenCharge(stop: Stop): void;
  /** It leaves when its workers are gone. */
  giveUp(departure: Departure): void;
}

/** Alone, with nobody to fall back on, when the addresses or the pidfile cannot be had. Milliseconds. */
const PREPARE_AGAIN = 1_000;

export class AsCandidate {
  readonly #generation: Generation;
  readonly #turns: CandidateTurns;
  /** The incumbent knows why this candidate gives up. */
  #told = false;
  #prepared: Promise<void> = Promise.resolve();
  #isPrepared = false;
  #prepareAgain = false;
  #workersLoaded = false;

  constructor(generation: Generation, turns: CandidateTurns) {
    this.#generation = generation;
    this.#turns = turns;
  }

  /** Bind, start the workers, write the pidfile. */
  start(): void {
    this.#prepared = this.#prepare().catch((error: unknown) => this.#cannotPrepare(error));
  }

  /** Whoever leaves waits for this, or a pidfile would come into being behind its back. */
  get prepared(): Promise<void> {
    return this.#prepared;
  }

  /** Every worker is loaded and probed. Nobody hears of that before this master has done its own part. */
  loaded(): void {
    this.#workersLoaded = true;
    this.#sayLoaded();
  }

  hear(message: ToCandidate): void {
    if (message.type === 'commit' || message.type === 'show') this.#turns.post({ event: message.type });
    else if (message.type === 'cancel') this.#turns.post({ event: 'cancel', reason: message.reason });
  }

  do(effect: CandidacyEffect): void {
    const { predecessor, log } = this.#generation;
    switch (effect.do) {
      case 'refuse':
        return this.#turns.refuse(effect.why);
      case 'sayReady':
        predecessor?.send({ type: 'ready', kept: this.#keptPositions() });
        return log.info('upgrade.ready', 'loaded and probed; waiting for the commit');
      case 'sayFailed':
        return this.#sayFailed(effect.status, effect.reason);
      case 'expose':
        return this.#expose();
      case 'sayBeside':
        return predecessor?.send({ type: 'beside' });
      case 'withdraw':
        return this.#withdraw();
      case 'rotate':
        return this.#act(this.#rotate(), () => ({ event: 'rotated' }));
      case 'claim':
        return this.#act(this.#claim(), (ours) => ({ event: 'claimed', ours }));
      case 'retry':
        return this.#retry(effect.reason);
      case 'takeCharge':
        return this.#takeCharge(effect.stop);
      case 'leave':
        return this.#giveUp(effect.status, effect.reason);
    }
  }

  async #prepare(): Promise<void> {
    const generation = this.#generation;
    const { settings, base, before, identity } = generation.origin;
    // A running master is a better reason than its ports.
    if (before === undefined && settings.pid !== undefined) Pidfile.refuseRunning(settings.pid);
    const listeners = generation.listeners ?? (await ListenerSet.settle(settings, base, before?.inherited ?? [], generation.log, identity));
    generation.listeners = listeners;
    // As early as can be, for it takes longest: what is left to do here, and be it to log the start, is done while they load.
    this.#turns.later(() => {
      if (!generation.workers.started) generation.workers.start(listeners);
      generation.logStart();
    });
    generation.predecessor?.send({ type: 'bound', files: listeners.newFiles });
    for (const [address, { length: sockets }] of byAddress(listeners.adopted))
      generation.log.info('listener.inherited', `inherited ${address}`, { address, sockets });
    if (settings.pid !== undefined) generation.pidfile ??= await this.#pidfile(settings.pid);
    this.#isPrepared = true;
    this.#sayLoaded();
  }

  #sayLoaded(): void {
    if (this.#isPrepared && this.#workersLoaded) this.#turns.post({ event: 'loaded' });
  }

  async #pidfile(path: string): Promise<Pidfile> {
    const { predecessor, inCharge } = this.#generation;
    if (predecessor === undefined) return Pidfile.claim(path);
    const pidfile = await Pidfile.propose(path);
    if (inCharge) await pidfile.succeed(predecessor.pid);
    return pidfile;
  }

  #retry(reason: string): void {
    const { log, workers } = this.#generation;
    log.error(null, `${reason}; trying again`);
    workers.persist();
    if (!this.#prepareAgain) return;
    this.#prepareAgain = false;
    setTimeout(() => this.start(), PREPARE_AGAIN).unref();
  }

  #cannotPrepare(error: unknown): void {
    this.#generation.logStart();
    this.#prepareAgain = true;
    const status = error instanceof HoldfastError ? error.exitStatus : EXIT.failed;
    if (error instanceof Error && !(error instanceof HoldfastError)) this.#generation.log.debug(null, error.stack ?? error.message);
    this.#turns.post({ event: 'loadFailed', status, reason: messageOf(error) });
  }

  /** By the positions that the incumbent knows them by. */
  #keptPositions(): number[] {
    const { origin, listeners } = this.#generation;
    const adopted = new Set(listeners?.adopted.map((listener) => listener.fd));
    return (origin.before?.inherited ?? []).flatMap((listener, position) => (adopted.has(listener.fd) ? [position] : []));
  }

  #sayFailed(status: number, reason: string): void {
    this.#told = this.#generation.predecessorAlive;
    this.#generation.predecessor?.send({ type: 'failed', status, reason });
  }

  #withdraw(): void {
    this.#told = true;
    this.#generation.log.info(null, 'told to stop: serving until the incumbent accepts alone');
    this.#generation.predecessor?.send({ type: 'withdraw' });
  }

  /** What takes its time answers with an event. */
  #act<T>(doing: Promise<T>, event: (result: T) => CandidacyEvent): void {
    doing.then(
      (result) => this.#turns.post(event(result)),
      (error: unknown) => this.#turns.post({ event: 'exposeFailed', reason: messageOf(error) }),
    );
  }

  #expose(): void {
    const { listeners, origin, log, workers } = this.#generation;
    try {
      // By hand it may have been exposed before its incumbent died.
      if (!workers.exposed) {
        listeners?.listen(origin.settings.backlog);
        for (const [address, { length: sockets }] of byAddress(listeners?.bound ?? []))
          log.info('listener.bound', `listening on ${address}`, { address, sockets });
      }
      workers.expose();
    } catch (error) {
      this.#turns.post({ event: 'exposeFailed', reason: messageOf(error) });
    }
  }

  async #rotate(): Promise<void> {
    const { pidfile, predecessor, predecessorAlive } = this.#generation;
    if (pidfile === undefined) return;
    if (predecessorAlive) await pidfile.rotate();
    else if (!(await pidfile.succeed(predecessor?.pid ?? 0))) throw new HoldfastError(`${pidfile.path} names somebody else by now`);
    this.#generation.logRotation();
  }

  /** The incumbent died before commit: one of all who might may take its place. */
  async #claim(): Promise<boolean> {
    // There may be no pidfile yet that could be moved into place.
    await this.#prepared;
    const { predecessor, pidfile, log } = this.#generation;
    if (predecessor?.claimSuccession() !== true) return false;
    log.warning(null, `the incumbent (pid ${predecessor.pid}) died; taking its place`);
    if (pidfile !== undefined && !(await this.#generation.takePidfile(() => pidfile.succeed(predecessor.pid)))) return false;
    this.#generation.takeCharge();
    this.#generation.logRotation();
    return true;
  }

  #takeCharge(stop: Stop): void {
    const generation = this.#generation;
    generation.takeCharge();
    generation.predecessor?.send({ type: 'serving' });
    if (generation.predecessorAlive) generation.dealListeners();
    else {
      generation.dropPredecessor('gone');
      generation.completeListeners();
    }
    generation.logReady();
    this.#turns.takenCharge(stop);
  }

  #giveUp(status: number, reason: string): void {
    const generation = this.#generation;
    const { origin, log, listeners, workers } = generation;
    // A candidate's incumbent says why the upgrade was rolled back; nobody reads what a candidate writes to a terminal.
    const candidate = origin.before !== undefined;
    if (candidate && !this.#told) log.error(null, `the candidate gives up: ${reason}`);
    // The last one of all removes every file, a candidate its own; whoever accepts already drains.
    listeners?.removeFiles(generation.inCharge ? listeners.positions : listeners.newPositions);
    if (workers.exposed) workers.retire();
    else workers.kill();
    this.#turns.giveUp(status === EXIT.ok || candidate ? { status } : { status, reason });
  }
}
