/** Who of a cohort counts (master): who is wanted, who is kept in the place of somebody that does not accept yet, and who is on the way out. Pure. */
import { Slots } from './slots.js';
import type { WorkerState } from './worker-process.js';

export interface Rostered {
  readonly slot: number;
  readonly state: WorkerState;
  /** Whether it accepts, or was told to. */
  readonly serves: boolean;
}

export class Roster<Worker extends Rostered> {
  /** So many slots, from 1 on. */
  wanted = 0;
  readonly slots = new Slots<Worker>();
  /** Beyond the wanted slots, in the place of some that do not accept yet. */
  #kept: ReadonlySet<Worker> = new Set();
  readonly #leaving = new Set<Worker>();

  /** Each has a process. */
  get all(): readonly Worker[] {
    return [...this.slots.occupants, ...this.slots.substitutes, ...this.#leaving];
  }

  get empty(): boolean {
    return this.slots.occupants.length === 0 && this.#leaving.size === 0;
  }

  get leaving(): readonly Worker[] {
    return [...this.#leaving];
  }

  get wantedSlots(): readonly number[] {
    return Array.from({ length: this.wanted }, (_, index) => index + 1);
  }

  /** Who accepts, or is about to, and is not to leave. */
  get serving(): readonly Worker[] {
    return this.all.filter((worker) => worker.serves && (this.isWanted(worker) || this.#kept.has(worker)));
  }

  /** Wanted slots whose worker does not accept. */
  get missing(): readonly number[] {
    return this.wantedSlots.filter((slot) => this.slots.occupant(slot)?.state !== 'accepting');
  }

  isWanted({ slot }: Worker): boolean {
    return slot <= this.wanted;
  }

  /** Of the wanted slots so many have a worker in this state. */
  count(state: WorkerState): number {
    return this.slots.occupants.filter((worker) => worker.state === state && this.isWanted(worker)).length;
  }

  /**
   * Choose anew whom to keep: of those who accept in a slot that is not wanted as many as wanted ones lack, the lowest first.
   * @returns the others there, who are to leave
   */
  choose(): readonly Worker[] {
    const beyond = [...this.slots.occupants, ...this.slots.substitutes].filter((worker) => !this.isWanted(worker));
    const inPlace = beyond.filter((worker) => worker.state === 'accepting' && this.slots.isOccupant(worker));
    const lacking = this.wanted === 0 ? 0 : this.wanted - this.count('accepting');
    this.#kept = new Set(inPlace.sort((a, b) => a.slot - b.slot).slice(0, lacking));
    for (const worker of this.#kept) this.slots.stay(worker);
    return beyond.filter((worker) => !this.#kept.has(worker));
  }

  /** It is on the way out, and in nobody's slot. */
  leave(worker: Worker): void {
    this.slots.remove(worker);
    this.#leaving.add(worker);
  }

  /** Its process is gone. Who was in a slot is removed from there. */
  forget(worker: Worker): void {
    this.#leaving.delete(worker);
  }
}
