/** The generation before, while it drains, as the one in charge sees it (master). */
import type { ChannelEnd } from '../channel/channel.js';
import type { ToCandidate } from '../channel/master-messages.js';
import { DRAIN_PATIENCE } from '../channel/worker-messages.js';
import { monotonic } from '../sys/monotonic.js';
import { killProcess } from '../sys/process-group.js';
import type { Generation } from './generation.js';
import type { IncumbentTurns } from './incumbent-turns.js';

export class Retiree {
  readonly #generation: Generation;
  readonly #turns: IncumbentTurns;
  #killAt = Number.POSITIVE_INFINITY;

  constructor(generation: Generation, turns: IncumbentTurns) {
    this.#generation = generation;
    this.#turns = turns;
  }

  /** It may no longer return: ends in `retireesReleased`. */
  release(): void {
    if (this.#generation.predecessorAlive) this.#generation.predecessor?.send({ type: 'release' });
    else this.#turns.post({ event: 'retireesReleased' });
  }

  hear(message: ToCandidate): void {
    if (message.type !== 'released') return;
    this.#generation.completeListeners();
    this.#turns.post({ event: 'retireesReleased' });
  }

  /** It left, or was killed: then its workers drain, for we were the last to hold their lease. */
  ended(how: ChannelEnd): void {
    this.#generation.dropPredecessor(how);
    this.#generation.completeListeners();
    this.#turns.post({ event: 'retireesReleased' });
  }

  stop(quick: boolean): void {
    if (this.#generation.predecessorAlive) this.#generation.predecessor?.send({ type: 'stop', quick });
    this.#killAt = monotonic() + this.#limit;
  }

  judge(now: number): void {
    if (now <= this.#killAt) return;
    this.#killAt = Number.POSITIVE_INFINITY;
    const { predecessor, predecessorAlive, log } = this.#generation;
    if (predecessor === undefined || !predecessorAlive) return;
    log.warning(null, `the retiree (pid ${predecessor.pid}) did not leave in time; it is killed`);
    killProcess(predecessor.pid);
  }

  rearm(milliseconds: number): void {
    this.#killAt += milliseconds;
  }

  /** Its workers' drain, their master's patience with them, and ours with it. Milliseconds. */
  get #limit(): number {
    const { origin, workers } = this.#generation;
    return Math.max(origin.settings.gracefulTimeout * 1000, workers.drainLimit) + 2 * DRAIN_PATIENCE;
  }
}
