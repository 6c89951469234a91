/** Who is in which slot (master): its worker, the one that is to take its place, and which of them are to leave. Pure. */

interface Slotted {
  readonly slot: number;
}

export class Slots<Worker extends Slotted> {
  readonly #occupants = new Map<number, Worker>();
  /** They boot, or are ready: each fills its slot when it accepts. */
  readonly #substitutes = new Map<number, Worker>();
  /** Whose occupant leaves when the slot's next one accepts, whether that is there yet or not. */
  readonly #departing = new Set<number>();
  /** Who has reached a limit, in that order; each serves on until its turn. */
  readonly #spent = new Map<number, Worker>();

  get occupants(): readonly Worker[] {
    return [...this.#occupants.values()];
  }

  get substitutes(): readonly Worker[] {
    return [...this.#substitutes.values()];
  }

  get spent(): readonly Worker[] {
    return [...this.#spent.values()];
  }

  /** Nobody is to be replaced. */
  get settled(): boolean {
    return this.#departing.size + this.#spent.size === 0;
  }

  /** Undefined for an empty slot. */
  occupant(slot: number): Worker | undefined {
    return this.#occupants.get(slot);
  }

  isEmpty(slot: number): boolean {
    return !this.#occupants.has(slot);
  }

  isOccupant(worker: Worker): boolean {
    return this.#occupants.get(worker.slot) === worker;
  }

  isSubstitute(worker: Worker): boolean {
    return this.#substitutes.get(worker.slot) === worker;
  }

  isDeparting({ slot }: Worker): boolean {
    return this.#departing.has(slot);
  }

  /** Nobody is there or on the way: for an empty slot, or for one whose occupant is to leave. */
  lacks(slot: number): boolean {
    return this.#departing.has(slot) ? !this.#substitutes.has(slot) : !this.#occupants.has(slot);
  }

  /** A new worker: in an empty slot its occupant, else the substitute. */
  add(worker: Worker): void {
    (this.#occupants.has(worker.slot) ? this.#substitutes : this.#occupants).set(worker.slot, worker);
  }

  /** It has reached a limit. */
  spend(worker: Worker): void {
    this.#spent.set(worker.slot, worker);
  }

  /** It is to leave no more, but if it was to, it is to be replaced should it stay for good. */
  stay(worker: Worker): void {
    if (this.#departing.delete(worker.slot)) this.spend(worker);
  }

  /** The slot's occupant is to leave when another one accepts. */
  depart({ slot }: Worker): void {
    this.#spent.delete(slot);
    this.#departing.add(slot);
  }

  /** It drains, or is dead. An occupant's slot is its substitute's, if `promote` says so, or empty. */
  remove(worker: Worker): void {
    if (this.isOccupant(worker)) this.#departing.delete(worker.slot);
    for (const each of [this.#occupants, this.#substitutes, this.#spent]) if (each.get(worker.slot) === worker) each.delete(worker.slot);
  }

  /** The slot's substitute, if there is one, is its occupant from now on. True when there was one. */
  promote(slot: number): boolean {
    const substitute = this.#substitutes.get(slot);
    this.#substitutes.delete(slot);
    this.#departing.delete(slot);
    if (substitute !== undefined) this.#occupants.set(slot, substitute);
    return substitute !== undefined;
  }
}
