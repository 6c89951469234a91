/** Who takes whose place in a cohort (master): of one that is to leave, or has reached a limit, or is dead. Pure, but for the time of day. */
import { monotonic } from '../sys/monotonic.js';
import { type Restraint, restraint, type Spent } from './recycling.js';
import type { Roster, Rostered } from './roster.js';
import type { Vacancies } from './vacancies.js';

/** A worker that accepted for less than this was not healthy: its replacement waits. Milliseconds. */
const HEALTHY = 1_000;

export class Relief<Worker extends Rostered & Spent> {
  readonly #roster: Roster<Worker>;
  readonly #vacancies: Vacancies;
  readonly #restrained: (worker: Worker, by: Restraint) => void;

  /** `restrained`: one that is to be recycled has to wait. */
  constructor(roster: Roster<Worker>, vacancies: Vacancies, restrained: (worker: Worker, by: Restraint) => void) {
    this.#roster = roster;
    this.#vacancies = vacancies;
    this.#restrained = restrained;
  }

  /** This occupant was told to leave, by somebody else: not before another one accepts in its place, but that one is started at once. */
  relieve(worker: Worker): void {
    const { slots } = this.#roster;
    // Another one is on its way already, unless more are wanted again.
    if (!this.#roster.isWanted(worker)) slots.spend(worker);
    else if (!slots.isDeparting(worker)) this.#replace(worker, isHealthy(worker));
  }

  /** It has reached a limit. */
  spend(worker: Worker): void {
    const { slots } = this.#roster;
    if (!slots.isOccupant(worker) || slots.isDeparting(worker)) return;
    slots.spend(worker);
    this.recycle();
  }

  /** As many as may be replaced now. They had enough, which is no fault of their own: there is no pause as for one that died. */
  recycle(): void {
    const { slots, wanted, leaving } = this.#roster;
    for (const worker of slots.spent.filter((each) => this.#roster.isWanted(each))) {
      const by = restraint(worker, { wanted, booting: this.#booting, draining: leaving.length });
      if (by === undefined) this.#replace(worker, true);
      else this.#restrained(worker, by);
    }
  }

  /**
   * It is dead. Returns milliseconds until its slot is filled again, undefined if that is not to be.
   * @param patient whether one that dies is followed; if not, and nobody was to take its place, that is a failure
   */
  bury(worker: Worker, patient: boolean): number | 'failure' | undefined {
    const { slots } = this.#roster;
    if (slots.isOccupant(worker)) return this.#vacated(worker, patient);
    if (!slots.isSubstitute(worker)) return undefined;
    slots.remove(worker);
    return this.#vacancies.refill(worker.slot, false, monotonic());
  }

  #vacated(worker: Worker, patient: boolean): number | 'failure' | undefined {
    const { slot } = worker;
    const { slots } = this.#roster;
    const departing = slots.isDeparting(worker);
    slots.remove(worker);
    if (!this.#roster.isWanted(worker)) return undefined;
    if (slots.promote(slot)) return 0;
    // Its substitute failed to boot: the next attempt is due when it was.
    if (departing) return this.#vacancies.left(slot, monotonic());
    return patient ? this.#vacancies.refill(slot, isHealthy(worker), monotonic()) : 'failure';
  }

  #replace(worker: Worker, healthy: boolean): void {
    this.#roster.slots.depart(worker);
    this.#vacancies.refill(worker.slot, healthy, monotonic());
  }

  /** Substitutes, those that are about to be started included. */
  get #booting(): number {
    const { slots } = this.#roster;
    return slots.substitutes.length + this.#vacancies.due.filter((slot) => !slots.isEmpty(slot)).length;
  }
}

function isHealthy({ acceptingFor }: Spent): boolean {
  return acceptingFor >= HEALTHY;
}
