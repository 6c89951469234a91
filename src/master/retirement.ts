/** Being a retiree (master): drain and leave, unless the successor dies before it took our word that we do not return. */
import type { Generation } from './generation.js';
import type { IncumbentTurns } from './incumbent-turns.js';

export class Retirement {
  readonly #generation: Generation;
  readonly #turns: IncumbentTurns;
  /** Positions of the listeners that the successor does not go on with. */
  #dropped: readonly number[] = [];

  constructor(generation: Generation, turns: IncumbentTurns) {
    this.#generation = generation;
    this.#turns = turns;
  }

  /** Ends in `emptied`. */
  begin(): void {
    const { listeners, log, origin, successor } = this.#generation;
    this.#generation.inCharge = false;
    log.info('upgrade.done', `generation ${origin.generation + 1} (pid ${successor?.pid}) is in charge`);
    const kept = successor?.kept ?? [];
    this.#dropped = (listeners?.positions ?? []).filter((position) => !kept.includes(position));
    this.#generation.emptied(this.#dropped, () => this.#turns.post({ event: 'emptied' }));
  }

  dropAndDrain(): void {
    const { listeners, workers } = this.#generation;
    listeners?.removeFiles(this.#dropped);
    listeners?.drop(this.#dropped);
    this.#dropped = [];
    workers.retire();
  }

  giveWord(): void {
    const { successor, listeners } = this.#generation;
    this.#generation.tellSuccessor({ type: 'released' });
    successor?.dropLease();
    listeners?.close();
  }

  /** Ends in `restored`. */
  restore(): void {
    void this.#restored().then((ours) => this.#turns.post({ event: 'restored', ours }));
  }

  comeBack(): void {
    const { log, successor } = this.#generation;
    log.warning(null, `the successor (pid ${successor?.pid}) died; this generation is in charge again`);
    this.#generation.takeCharge();
    this.#generation.logRotation();
  }

  /** Our successor died: one of all who might may take its place. */
  async #restored(): Promise<boolean> {
    const { pidfile, successor } = this.#generation;
    if (successor?.claimSuccession() !== true) return false;
    return pidfile === undefined || this.#generation.takePidfile(() => pidfile.restore(successor.pid ?? 0));
  }
}
