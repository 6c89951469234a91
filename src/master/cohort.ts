/** The workers of one release in one master (master): a wanted number of slots, each filled, refilled and emptied. */
import { monotonic } from '../sys/monotonic.js';
import type { Deal } from './deal.js';
import type { Portions } from './portions.js';
import type { Restraint } from './recycling.js';
import { Relief } from './relief.js';
import { Roster } from './roster.js';
import { Vacancies } from './vacancies.js';
import { bootFailure, type WorkerEnd } from './worker-end.js';
import type { WorkerListener, WorkerProcess } from './worker-process.js';

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

export class Cohort {
  #exposed = false;
  /** Tries again when a worker fails to boot, instead of giving up. */
  #patient = false;
  readonly #roster = new Roster<WorkerProcess>();
  readonly #slots = this.#roster.slots;
  readonly #vacancies: Vacancies;
  readonly #relief: Relief<WorkerProcess>;
  readonly #hire: (slot: number, listener: WorkerListener) => WorkerProcess;
  readonly #shares: (slots: readonly number[]) => Deal;
  readonly #listener: CohortListener;
  readonly #workerListener: WorkerListener;

  /** `hire`: start a worker. `shares`: who accepts where, of the slots that have one. */
  constructor(
    portions: Portions,
    hire: (slot: number, listener: WorkerListener) => WorkerProcess,
    shares: (slots: readonly number[]) => Deal,
    listener: CohortListener,
  ) {
    this.#vacancies = new Vacancies(portions, (slot) => this.#start(slot));
    this.#relief = new Relief(this.#roster, this.#vacancies, (worker, by) => listener.restrained(worker, by));
    this.#hire = hire;
    this.#shares = shares;
    this.#listener = listener;
    this.#workerListener = {
      ready: (worker) => this.#ready(worker),
      accepting: (worker) => this.#accepts(worker),
      leaving: (worker) => this.#left(worker),
      spent: (worker) => this.#relief.spend(worker),
      stopped: (worker) => this.#stopped(worker),
      end: (worker, end) => this.#ended(worker, end),
    };
  }

  get empty(): boolean {
    return this.#roster.empty;
  }

  get exposed(): boolean {
    return this.#exposed;
  }

  /** Every wanted slot accepts, and nobody is leaving or to be replaced. */
  get settled(): boolean {
    return this.#roster.missing.length === 0 && this.#roster.leaving.length === 0 && this.#slots.settled;
  }

  /** Somebody accepts, and is not about to leave. */
  get serves(): boolean {
    return this.#roster.serving.some((worker) => worker.state === 'accepting');
  }

  /** Somebody accepts, and whoever does not waits for another attempt after one that failed. */
  get limps(): boolean {
    return this.serves && this.#roster.missing.every((slot) => this.#slots.isEmpty(slot) && this.#vacancies.isPaused(slot));
  }

  /** Somebody does not accept, where the last one did not live. */
  get fails(): boolean {
    return this.#roster.missing.some((slot) => this.#vacancies.isPaused(slot));
  }

  get workers(): readonly WorkerProcess[] {
    return this.#roster.all;
  }

  /** Have `wanted` slots filled: start what is missing, drain those beyond it, but no sooner than as many accept without them. */
  resize(wanted: number): void {
    this.#roster.wanted = wanted;
    for (const slot of this.#roster.wantedSlots)
      if (this.#slots.isEmpty(slot) && !this.#vacancies.isPaused(slot)) this.#vacancies.fill(slot);
    this.#vacancies.forgetBeyond(wanted);
    this.#shrink();
    this.#tell();
  }

  /** From now on whoever is ready accepts. One that dies is replaced; `patient` false: it is a failure until `persist`. */
  expose(patient = true): void {
    this.#exposed = true;
    if (patient) this.persist();
    this.#admit([...this.#slots.occupants, ...this.#slots.substitutes].filter((worker) => worker.state === 'ready'));
    // Asked again, all may accept already.
    this.#tell();
  }

  /** Try again, with growing pauses, when a worker does not boot. */
  persist(): void {
    if (this.#patient) return;
    this.#patient = true;
    for (const slot of this.#roster.wantedSlots)
      if (this.#slots.isEmpty(slot) && !this.#vacancies.isDue(slot)) this.#vacancies.refill(slot, false, monotonic());
    // Some may have been started since the one that failed, and all be ready by now.
    if (!this.#exposed) this.#tell();
  }

  /** Who serves, or is about to, gets the share that it has by now: those who are to leave have none. */
  deal(): void {
    const { serving } = this.#roster;
    const shares = this.#shares(slotsOf(serving));
    for (const worker of serving) worker.serve(shares.get(worker.slot) ?? []);
  }

  /** Drain them all, for good. */
  retire(): void {
    this.resize(0);
  }

  quit(): void {
    this.retire();
    for (const worker of this.#roster.leaving) worker.quit();
  }

  /** Without mercy: they serve nobody yet. */
  kill(): void {
    this.retire();
    for (const worker of this.#roster.leaving) worker.kill();
  }

  /** Judge everybody by the clock, and start what has waited long enough. */
  tick(now: number): void {
    for (const worker of this.workers) worker.check(now);
    for (const slot of this.#vacancies.over(now)) if (this.#slots.lacks(slot)) this.#vacancies.fill(slot);
    this.#relief.recycle();
  }

  rearm(milliseconds: number): void {
    for (const worker of this.workers) worker.rearm(milliseconds);
    this.#vacancies.rearm(milliseconds);
  }

  #shrink(): void {
    const others = this.#roster.choose();
    this.deal();
    for (const worker of others) this.#retire(worker);
  }

  /** If it is wanted by now. */
  #start(slot: number): void {
    if (slot > this.#roster.wanted || !this.#slots.lacks(slot)) return;
    const instead = this.#slots.occupant(slot);
    const worker = this.#hire(slot, this.#workerListener);
    this.#slots.add(worker);
    this.#listener.spawned(worker, instead);
  }

  #retire(worker: WorkerProcess): void {
    this.#roster.leave(worker);
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
    const shares = this.#shares(slotsOf([...this.#roster.serving, ...workers]));
    for (const worker of workers) worker.serve(shares.get(worker.slot) ?? []);
  }

  #tell(): void {
    const { wanted } = this.#roster;
    if (wanted === 0) return;
    if (this.#exposed && this.#roster.count('accepting') === wanted) this.#listener.accepting();
    else if (!this.#exposed && this.#roster.count('ready') === wanted) this.#listener.ready();
  }

  #left(worker: WorkerProcess): void {
    if (this.#slots.isOccupant(worker)) this.#relief.relieve(worker);
    else worker.drain();
  }

  /** Its siblings have what it had, and another one is started at once: its drain may take long. */
  #stopped(worker: WorkerProcess): void {
    this.#shrink();
    this.#left(worker);
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
    this.#relief.recycle();
  }

  #ended(worker: WorkerProcess, end: WorkerEnd): void {
    this.#roster.forget(worker);
    this.deal();
    const next = this.#relief.bury(worker, this.#patient);
    if (next === 'failure') this.#fail(worker, end);
    this.#listener.ended(worker, end, next === 'failure' ? undefined : next, this.#slots.occupant(worker.slot));
    if (this.empty) return this.#listener.empty();
    this.#relief.recycle();
    // Its substitute was ready, and nobody waits for more.
    if (!this.#exposed) this.#tell();
  }

  #fail(worker: WorkerProcess, end: WorkerEnd): void {
    const { status, reason, stack } = bootFailure(worker.slot, end);
    this.#listener.failed(status, reason, stack);
  }
}

/** Each once: a worker and its substitute have the same. */
function slotsOf(workers: readonly WorkerProcess[]): readonly number[] {
  return [...new Set(workers.map(({ slot }) => slot))];
}
