/** What a master does until it is in charge (master): the effects of upgrade/candidacy. */
import type { ToCandidate } from '../channel/master-messages.js';
import { EXIT, HoldfastError, messageOf } from '../errors.js';
import { removeSocketFile } from '../listeners/index.js';
import type { CandidacyEffect, CandidacyEvent, Stop } from '../upgrade/candidacy.js';
import type { CandidateTurns } from './candidate-turns.js';
import type { Generation } from './generation.js';
import { byAddress } from './own-sockets.js';
import { Preparation } from './preparation.js';

export class AsCandidate {
  readonly #generation: Generation;
  readonly #turns: CandidateTurns;
  /** The incumbent knows why this candidate gives up. */
  #told = false;
  /** A HUP came when it was all but in charge. */
  #reloadsThen = false;
  readonly #preparation: Preparation;

  constructor(generation: Generation, turns: CandidateTurns) {
    this.#generation = generation;
    this.#turns = turns;
    this.#preparation = new Preparation(generation, turns);
  }

  start(): void {
    this.#preparation.start();
  }

  /** Whoever leaves waits for this, or a pidfile would come into being behind its back. */
  get prepared(): Promise<void> {
    return this.#preparation.over;
  }

  /** Every worker is loaded and probed. */
  loaded(): void {
    this.#preparation.workersLoaded();
  }

  hear(message: ToCandidate): void {
    if (message.type === 'commit' || message.type === 'show') this.#turns.post({ event: message.type });
    else if (message.type === 'cancel') this.#turns.post({ event: 'cancel', reason: message.reason });
  }

  do(effect: CandidacyEffect): void {
    const { predecessor, log, workers } = this.#generation;
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
      case 'assure':
        return workers.assure();
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
      case 'renew':
        return workers.renew();
      case 'reloadLater':
        this.#reloadsThen = true;
        return;
      case 'takeCharge':
        return this.#takeCharge(effect.stop);
      case 'leave':
        return this.#giveUp(effect.status, effect.reason);
    }
  }

  #retry(reason: string): void {
    const { log, workers } = this.#generation;
    log.error(null, `${reason}; trying again`);
    workers.persist();
    this.#preparation.retry();
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
    this.#generation.predecessor?.send({ type: 'withdraw', drainLimit: this.#generation.workers.drainLimit });
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
    if (predecessorAlive) await pidfile.rotate(predecessor?.pid);
    else if (!(await pidfile.succeed(predecessor?.pid ?? 0))) throw new HoldfastError(`${pidfile.path} names somebody else by now`);
    this.#generation.logRotation();
  }

  /** The incumbent died before commit: one of all who might may take its place. */
  async #claim(): Promise<boolean> {
    // There may be no pidfile yet that could be moved into place.
    await this.prepared;
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
    generation.outliveListeners(generation.origin.settings.gracefulTimeout * 1000);
    generation.logReady();
    this.#turns.takenCharge(stop, this.#reloadsThen);
  }

  #giveUp(status: number, reason: string): void {
    const generation = this.#generation;
    const { origin, log, listeners, workers } = generation;
    // A candidate's incumbent says why the upgrade was rolled back; nobody reads what a candidate writes to a terminal.
    const candidate = origin.before !== undefined;
    if (candidate && !this.#told) log.error(null, `the candidate gives up: ${reason}`);
    // The last one of all removes every file, a candidate its own.
    const ours = (generation.inCharge ? listeners?.positions : listeners?.newPositions) ?? [];
    listeners?.removeFiles(ours);
    // It could not even bind what its own settings add.
    if (listeners === undefined && generation.inCharge) for (const each of origin.before?.inherited ?? []) removeSocketFile(each);
    this.#preparation.giveUp();
    // Who waits where nobody else accepts is served, before whoever accepts already drains.
    if (workers.exposed) generation.emptied(ours, () => workers.retire());
    else workers.kill();
    this.#turns.giveUp(status === EXIT.ok || candidate ? { status } : { status, reason });
  }
}
