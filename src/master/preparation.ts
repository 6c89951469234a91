/** What a master does before anybody is served (master): it binds, starts its workers, and writes its pidfile. */
import { EXIT, HoldfastError, messageOf } from '../errors.js';
import { Pidfile } from '../pidfile/index.js';
import type { CandidateTurns } from './candidate-turns.js';
import type { Generation } from './generation.js';
import { ListenerSet } from './listener-set.js';
import { byAddress } from './own-sockets.js';

/** Alone, with nobody to fall back on, when the addresses or the pidfile cannot be had. Milliseconds. */
const AGAIN = 1_000;

export class Preparation {
  readonly #generation: Generation;
  readonly #turns: CandidateTurns;
  #over: Promise<void> = Promise.resolve();
  #done = false;
  #failed = false;
  #workersLoaded = false;
  #again: NodeJS.Timeout | undefined;

  constructor(generation: Generation, turns: CandidateTurns) {
    this.#generation = generation;
    this.#turns = turns;
  }

  /** Ends in `loaded` or `loadFailed`. */
  start(): void {
    this.#over = this.#prepare().catch((error: unknown) => this.#cannotPrepare(error));
  }

  /** Resolves when it is done or has failed. */
  get over(): Promise<void> {
    return this.#over;
  }

  /** Nobody hears of that before this master has done its own part. */
  workersLoaded(): void {
    this.#workersLoaded = true;
    this.#sayLoaded();
  }

  /** If it was this that failed, after a while. */
  retry(): void {
    if (!this.#failed) return;
    this.#failed = false;
    this.#again = setTimeout(() => this.start(), AGAIN).unref();
  }

  /** Or it would bind, and write a pidfile, behind the back of a master that leaves. */
  giveUp(): void {
    clearTimeout(this.#again);
  }

  async #prepare(): Promise<void> {
    const generation = this.#generation;
    const { settings, base, before, identity } = generation.origin;
    // A running master is a better reason than its ports.
    if (before === undefined && settings.pid !== undefined) Pidfile.refuseRunning(settings.pid);
    const listeners = generation.listeners ?? (await ListenerSet.settle(settings, base, before?.inherited ?? [], generation.log, identity));
    generation.listeners = listeners;
    // The disk is slow, and meanwhile there is enough to do.
    const pidfile = settings.pid === undefined ? undefined : (generation.pidfile ?? this.#pidfile(settings.pid));
    try {
      // As early as can be, for it takes longest: what is left to do here, and be it to log the start, is done while they load.
      this.#turns.later(() => {
        if (!generation.workers.started) generation.workers.start(listeners);
        generation.logStart();
      });
      generation.predecessor?.send({ type: 'bound', files: listeners.newFiles });
      for (const [address, { length: sockets }] of byAddress(listeners.adopted))
        generation.log.info('listener.inherited', `inherited ${address}`, { address, sockets });
    } finally {
      // Whoever leaves removes it, also when something of this has failed.
      generation.pidfile = await pidfile;
    }
    this.#done = true;
    this.#sayLoaded();
  }

  #sayLoaded(): void {
    if (this.#done && this.#workersLoaded) this.#turns.post({ event: 'loaded' });
  }

  async #pidfile(path: string): Promise<Pidfile> {
    const { predecessor, inCharge } = this.#generation;
    if (predecessor === undefined) return Pidfile.claim(path);
    const pidfile = await Pidfile.propose(path);
    if (inCharge) await pidfile.succeed(predecessor.pid);
    return pidfile;
  }

  #cannotPrepare(error: unknown): void {
    this.#generation.logStart();
    this.#failed = true;
    const status = error instanceof HoldfastError ? error.exitStatus : EXIT.failed;
    if (error instanceof Error && !(error instanceof HoldfastError)) this.#generation.log.debug(null, error.stack ?? error.message);
    this.#turns.post({ event: 'loadFailed', status, reason: messageOf(error) });
  }
}
