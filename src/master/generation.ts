/** What one master has, whatever its part in the succession (master). */
import { existsSync } from 'node:fs';
import type { ChannelEnd } from '../channel/channel.js';
import type { ToCandidate } from '../channel/master-messages.js';
import { messageOf } from '../errors.js';
import type { Log } from '../log/log.js';
import type { Pidfile } from '../pidfile/index.js';
import type { ListenerSet } from './listener-set.js';
import type { Origin } from './origin.js';
import { byAddress } from './own-sockets.js';
import type { Predecessor } from './predecessor.js';
import type { Successor } from './successor.js';
import type { Workers } from './workers.js';

export class Generation {
  readonly origin: Origin;
  readonly log: Log;
  readonly workers: Workers;
  listeners: ListenerSet | undefined;
  pidfile: Pidfile | undefined;
  /** The next master: the candidate of an incumbent, whoever succeeds a retiree. */
  successor: Successor | undefined;
  /** The pidfile, the keeper and the sockets' files are this one's. */
  inCharge = false;
  readonly #charged: () => void;
  #startLogged = false;
  #readyLogged = false;

  /** `charged` is called each time that this generation comes in charge: the first time, after a return, after a roll-back by hand. */
  constructor(origin: Origin, workers: Workers, charged: () => void) {
    this.origin = origin;
    this.log = origin.log;
    this.workers = workers;
    this.#charged = charged;
  }

  /** The master before: the incumbent of a candidate, the retiree of an incumbent. */
  get predecessor(): Predecessor | undefined {
    return this.origin.before?.predecessor;
  }

  /** Whether it can hear us. */
  get predecessorAlive(): boolean {
    return this.predecessor?.alive === true;
  }

  /** `sent` is called at once where there is none. */
  tellSuccessor(message: ToCandidate, sent?: () => void): void {
    if (this.successor === undefined) sent?.();
    else this.successor.send(message, sent);
  }

  /** When nobody waits any more on the listeners at these positions, or soon; at once where there are none. */
  emptied(positions: readonly number[], then: () => void): void {
    if (positions.length === 0 || this.listeners === undefined) then();
    else void this.listeners.emptied(positions).then(then);
  }

  /** It left, or died: its workers drain now, for we were the last to hold their lease; what it had no time to remove goes. */
  dropPredecessor(how: ChannelEnd): void {
    const { predecessor, pidfile, log } = this;
    predecessor?.drop();
    if (predecessor === undefined || how === 'farewell') return;
    pidfile?.discardRetiree(predecessor.pid).catch((error: unknown) => log.warning(null, messageOf(error)));
  }

  /** Who won the succession is in charge, and only somebody else in the pidfile speaks against it: not that the file is gone, or its disk full. */
  async takePidfile(take: () => Promise<boolean>): Promise<boolean> {
    const path = this.pidfile?.path ?? '';
    try {
      if (await take()) return true;
      if (existsSync(path)) return false;
      this.log.warning(null, `${path} is gone; this master serves without it`);
    } catch (error) {
      this.log.warning(null, messageOf(error));
    }
    return true;
  }

  takeCharge(): void {
    this.inCharge = true;
    this.origin.keeper?.tell({ type: 'charge', pid: process.pid, generation: this.origin.generation });
    this.#charged();
  }

  /** In charge: let the workers accept on whatever listens by now. */
  dealListeners(): void {
    this.listeners?.refresh();
    this.workers.deal();
  }

  /** Have those served who wait on what was replaced, for so many milliseconds at most. */
  outliveListeners(patience: number): void {
    if (this.listeners?.outdated === true) void this.listeners.outlive(patience).then(() => this.dealListeners());
  }

  /** Nobody may return in this generation's place any more, and so without the sockets that it has bound beside those of the one before. */
  completeListeners(): void {
    const { listeners, log, origin } = this;
    if (!this.inCharge || listeners === undefined) return;
    try {
      if (listeners.complete(origin.settings.backlog))
        for (const [address, { length: sockets }] of byAddress(listeners.all))
          log.info(null, `${address} has ${sockets} socket${sockets === 1 ? '' : 's'} by now`, { address, sockets });
    } catch (error) {
      log.warning(null, messageOf(error));
    }
    this.dealListeners();
  }

  /** Log what the pidfile says now. */
  logRotation(): void {
    if (this.pidfile !== undefined) this.log.info('pidfile.rotated', `${this.pidfile.path} names ${process.pid}`);
  }

  /** Once in a master's life. */
  logStart(): void {
    if (this.#startLogged) return;
    this.#startLogged = true;
    const { generation, settings } = this.origin;
    const part = this.predecessor === undefined ? 'starting' : 'candidate of';
    this.log.info('master.start', `${part} generation ${generation}`, { app: settings.app, workers: this.workers.wanted });
    if (this.predecessor === undefined) this.origin.warn();
  }

  /** Once in a master's life. */
  logReady(): void {
    if (this.#readyLogged) return;
    this.#readyLogged = true;
    const addresses = [...byAddress(this.listeners?.all ?? []).keys()].join(', ');
    const { wanted } = this.workers;
    this.log.info('master.ready', `serving on ${addresses} with ${wanted} worker${wanted === 1 ? '' : 's'}`, {
      release: this.workers.release,
    });
    // It takes longer than to load a small app, and nobody waits for it any more.
    if (this.predecessor !== undefined) this.origin.warn();
    this.origin.launcher?.ready(this.log.trouble);
  }
}
