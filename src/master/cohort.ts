/** The workers of one release in one master (master): a wanted number of slots, each filled, refilled and emptied. */
import { monotonic } from '../sys/monotonic.js';
import { Backoff } from './backoff.js';
import type { Deal } from './deal.js';
import type { Portions } from './portions.js';
import { type Restraint, restraint } from './recycling.js';
import { Slots } from './slots.js';
import { bootFailure, type WorkerEnd } from './worker-end.js';
import type { WorkerOrder } from './worker-order.js';
import { type WorkerListener, WorkerProcess } from './worker-process.js';

export interface CohortListener {
  /** Every wanted slot is loaded and probed. */
  ready(): void;
  /** Every wanted slot accepts. */
  accepting(): void;
  /** A worker did not become ready, and this cohort is not one that tries again. */
  failed(status: number, reason: string, stack: string): void;
  /** `instead`: the worker that serves in this slot until the new one accepts. */
  spawned(worker: WorkerProcess, instead: WorkerProcess | undefined): void;
  workerReady(worker: WorkerProcess): void;
  workerAccepts(worker: WorkerProcess): void;
  /** A worker that is to be recycled has to wait. */
  restrained(worker: WorkerProcess, by: Restraint): void;
  /** `replacedAfter`: milliseconds until the next attempt. `instead`: the worker that serves in this slot all the same. */
  ended(worker: WorkerProcess, end: WorkerEnd, replacedAfter: number | undefined, instead: WorkerProcess | undefined): void;
  /** No process of it is left. */
  empty(): void;
}

/** A worker that accepted for less than this was not healthy: its replacement waits. Milliseconds. */
const HEALTHY = 1_000;

export class Cohort {
  #wanted = 0;
  #exposed = false;
  /** Tries again when a worker fails to boot, instead of giving up. */
  #patient = false;
  readonly #slots = new Slots<WorkerProcess>();
  /** Beyond the wanted slots, in the place of some that do not accept yet. */
  #kept: ReadonlySet<WorkerProcess> = new Set();
  readonly #leaving = new Set<WorkerProcess>();
  readonly #backoff = new Backoff();
  /** Slots whose next worker is to be started in a moment. */
  readonly #due = new Set<number>();
  readonly #portions: Portions;
  readonly #order: (slot: number) => WorkerOrder;
  readonly #shares: (slots: readonly number[]) => Deal;
  readonly #listener: CohortListener;
  readonly #workerListener: WorkerListener;

  /** `shares`: who accepts where, of the slots that have a worker. */
  constructor(
    portions: Portions,
    order: (slot: number) => WorkerOrder,
    shares: (slots: readonly number[]) => Deal,
    listener: CohortListener,
  ) {
    this.#portions = portions;
    this.#order = order;
    this.#shares = shares;
    this.#listener = listener;
    this.#workerListener = {
      ready: (worker) => this.#ready(worker),
      accepting: (worker) => this.#accepts(worker),
      leaving: (worker) => this.#left(worker),
      spent: (worker) => this.#reachedLimit(worker),
      stopped: (worker) => this.#stopped(worker),
      end: (worker, end) => this.#ended(worker, end),
    };
  }

  get empty(): boolean {
    return this.#slots.occupants.length === 0 && this.#leaving.size === 0;
  }

  get exposed(): boolean {
    return this.#exposed;
  }

  /** Every wanted slot accepts, and nobody is leaving or to be replaced. */
  get settled(): boolean {
    return this.#in('accepting') === this.#wanted && this.#leaving.size === 0 && this.#slots.settled;
  }

  /** Somebody accepts, and is not about to leave. */
  get serves(): boolean {
    return this.#serving.some((worker) => worker.state === 'accepting');
  }

  /** Somebody accepts, and whoever does not waits for another attempt after one that failed. */
  get limps(): boolean {
    const missing = this.#wantedSlots.filter((slot) => this.#slots.occupant(slot)?.state !== 'accepting');
    return this.serves && missing.every((slot) => this.#slots.isEmpty(slot) && this.#backoff.has(slot));
  }

  get workers(): readonly WorkerProcess[] {
    return [...this.#slots.occupants, ...this.#slots.substitutes, ...this.#leaving];
  }

  /** Have `wanted` slots filled: start what is missing, drain those beyond it, but no sooner than as many accept without them. */
  resize(wanted: number): void {
    this.#wanted = wanted;
    for (const slot of this.#wantedSlots) if (this.#slots.isEmpty(slot) && !this.#backoff.has(slot)) this.#spawn(slot);
    this.#backoff.forgetBeyond(wanted);
    this.#shrink();
    this.#tell();
  }

  /** From now on whoever is ready accepts. One that dies is replaced; `patient` false: it is a failure until `persist`. */
  expose(patient = true): void {
    this.#exposed = true;
    this.#patient ||= patient;
    this.#admit(this.#slots.occupants.filter((worker) => worker.state === 'ready'));
    // Asked again, all may accept already.
    this.#tell();
  }

  /** Try again, with growing pauses, when a worker does not boot. */
  persist(): void {
    if (this.#patient) return;
    this.#patient = true;
    for (const slot of this.#wantedSlots) if (this.#slots.isEmpty(slot) && !this.#due.has(slot)) this.#refill(slot, false);
  }

  /** Who serves, or is about to, gets the share that it has by now: those who are to leave have none. */
  deal(): void {
    const shares = this.#shares(slotsOf(this.#serving));
    for (const worker of this.#serving) worker.serve(shares.get(worker.slot) ?? []);
  }

  /** Drain them all, for good. */
  retire(): void {
    this.resize(0);
  }

  quit(): void {
    this.retire();
    for (const worker of this.#leaving) worker.quit();
  }

  /** Without mercy: they serve nobody yet. */
  kill(): void {
    this.retire();
    for (const worker of this.#leaving) worker.kill();
  }

  /** Judge everybody by the clock, and start what has waited long enough. */
  tick(now: number): void {
    for (const worker of this.workers) worker.check(now);
    for (const slot of this.#backoff.over(now)) if (this.#slots.lacks(slot)) this.#spawn(slot);
    this.#recycle();
  }

  rearm(milliseconds: number): void {
    for (const worker of this.workers) worker.rearm(milliseconds);
    this.#backoff.rearm(milliseconds);
  }

  #shrink(): void {
    const beyond = [...this.#slots.occupants, ...this.#slots.substitutes].filter((worker) => !this.#isWanted(worker));
    const inPlace = beyond.filter((worker) => worker.state === 'accepting' && this.#slots.isOccupant(worker));
    const lacking = this.#wanted === 0 ? 0 : this.#wanted - this.#in('accepting');
    this.#kept = new Set(inPlace.sort((a, b) => a.slot - b.slot).slice(0, lacking));
    for (const worker of this.#kept) this.#slots.stay(worker);
    this.deal();
    for (const worker of beyond) if (!this.#kept.has(worker)) this.#retire(worker);
  }

  #isWanted({ slot }: WorkerProcess): boolean {
    return slot <= this.#wanted;
  }

  /** In its turn, if it is wanted then. */
  #spawn(slot: number): void {
    if (this.#due.has(slot)) return;
    this.#due.add(slot);
    this.#portions.add(() => {
      this.#due.delete(slot);
      if (slot <= this.#wanted && this.#slots.lacks(slot)) this.#start(slot);
    });
  }

  #start(slot: number): void {
    const instead = this.#slots.occupant(slot);
    const worker = new WorkerProcess(this.#order(slot), this.#workerListener);
    this.#slots.add(worker);
    this.#listener.spawned(worker, instead);
  }

  #retire(worker: WorkerProcess): void {
    this.#slots.remove(worker);
    this.#leaving.add(worker);
    // One that does not know its app yet has nothing to drain.
    if (worker.state === 'booting') worker.kill();
    else worker.drain();
  }

  #ready(worker: WorkerProcess): void {
    this.#listener.workerReady(worker);
    if (!this.#slots.isOccupant(worker) && !this.#slots.isSubstitute(worker)) return;
    if (this.#exposed) this.#admit([worker]);
    this.#tell();
  }

  /** Those who accept already keep what they serve until these do, too. */
  #admit(workers: readonly WorkerProcess[]): void {
    const shares = this.#shares(slotsOf([...this.#serving, ...workers]));
    for (const worker of workers) worker.serve(shares.get(worker.slot) ?? []);
  }

  get #wantedSlots(): readonly number[] {
    return Array.from({ length: this.#wanted }, (_, index) => index + 1);
  }

  get #serving(): readonly WorkerProcess[] {
    return this.workers.filter((worker) => worker.serves && (this.#isWanted(worker) || this.#kept.has(worker)));
  }

  #tell(): void {
    if (this.#wanted === 0) return;
    if (this.#exposed && this.#in('accepting') === this.#wanted) this.#listener.accepting();
    else if (!this.#exposed && this.#in('ready') === this.#wanted) this.#listener.ready();
  }

  #in(state: WorkerProcess['state']): number {
    return this.#slots.occupants.filter((worker) => worker.state === state && this.#isWanted(worker)).length;
  }

  /** It was told to leave, by somebody else: not before another one accepts in its place, but that one is started at once. */
  #left(worker: WorkerProcess): void {
    if (!this.#slots.isOccupant(worker)) return worker.drain();
    // Another one is on its way already, unless more are wanted again.
    if (!this.#isWanted(worker)) return this.#slots.spend(worker);
    if (!this.#slots.isDeparting(worker)) this.#replace(worker, worker.acceptingFor >= HEALTHY);
  }

  /** Its siblings have what it had, and another one is started at once: its drain may take long. */
  #stopped(worker: WorkerProcess): void {
    this.#shrink();
    this.#left(worker);
  }

  #reachedLimit(worker: WorkerProcess): void {
    if (!this.#slots.isOccupant(worker) || this.#slots.isDeparting(worker)) return;
    this.#slots.spend(worker);
    this.#recycle();
  }

  /** As many as may be replaced now. It had enough, which is no fault of its own: there is no pause as for one that died. */
  #recycle(): void {
    for (const worker of this.#slots.spent.filter((each) => this.#isWanted(each))) {
      const by = restraint(worker, { wanted: this.#wanted, booting: this.#booting, draining: this.#leaving.size });
      if (by === undefined) this.#replace(worker, true);
      else this.#listener.restrained(worker, by);
    }
  }

  /** Substitutes, those that are about to be started included. */
  get #booting(): number {
    return this.#slots.substitutes.length + [...this.#due].filter((slot) => !this.#slots.isEmpty(slot)).length;
  }

  #replace(worker: WorkerProcess, healthy: boolean): void {
    this.#slots.depart(worker);
    this.#refill(worker.slot, healthy);
  }

  /** Only now the one before it drains: a slot that accepted never stops to. */
  #accepts(worker: WorkerProcess): void {
    this.#listener.workerAccepts(worker);
    if (this.#slots.isSubstitute(worker)) {
      const before = this.#slots.occupant(worker.slot);
      if (before !== undefined) this.#retire(before);
      this.#slots.promote(worker.slot);
    }
    this.#shrink();
    this.#tell();
    this.#recycle();
  }

  #ended(worker: WorkerProcess, end: WorkerEnd): void {
    this.#leaving.delete(worker);
    this.deal();
    const replacedAfter = this.#missed(worker, end);
    this.#listener.ended(worker, end, replacedAfter, this.#slots.occupant(worker.slot));
    if (this.empty) return this.#listener.empty();
    this.#recycle();
    // Its substitute was ready, and nobody waits for more.
    if (!this.#exposed) this.#tell();
  }

  /** Milliseconds until its slot is filled again; undefined if that is not to be, or for a failure. */
  #missed(worker: WorkerProcess, end: WorkerEnd): number | undefined {
    if (this.#slots.isOccupant(worker)) return this.#vacated(worker, end);
    if (!this.#slots.isSubstitute(worker)) return undefined;
    this.#slots.remove(worker);
    return this.#refill(worker.slot, false);
  }

  #vacated(worker: WorkerProcess, end: WorkerEnd): number | undefined {
    const { slot } = worker;
    const departing = this.#slots.isDeparting(worker);
    this.#slots.remove(worker);
    if (!this.#isWanted(worker)) return undefined;
    if (this.#slots.promote(slot)) return 0;
    // Its substitute failed to boot: the next attempt is due when it was.
    if (departing) return this.#backoff.left(slot, monotonic());
    if (this.#patient) return this.#refill(slot, worker.acceptingFor >= HEALTHY);
    this.#fail(worker, end);
    return undefined;
  }

  #fail(worker: WorkerProcess, end: WorkerEnd): void {
    const { status, reason, stack } = bootFailure(worker.slot, end);
    this.#listener.failed(status, reason, stack);
  }

  /** Milliseconds until the slot is filled again. */
  #refill(slot: number, healthy: boolean): number {
    if (!healthy) return this.#backoff.pause(slot, monotonic());
    this.#backoff.forget(slot);
    this.#spawn(slot);
    return 0;
  }
}

/** Each once: a worker and its substitute have the same. */
function slotsOf(workers: readonly WorkerProcess[]): readonly number[] {
  return [...new Set(workers.map(({ slot }) => slot))];
}
