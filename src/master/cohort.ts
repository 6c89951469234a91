/** The workers of one release in one master (master): a wanted number of slots, each filled, refilled and emptied. */
import { performance } from 'node:perf_hooks';
import { EXIT } from '../errors.js';
import type { Deal } from './deal.js';
import { type Restraint, restraint } from './recycling.js';
import { type WorkerEnd, type WorkerListener, type WorkerOrder, WorkerProcess } from './worker-process.js';

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
  /** A worker that is to be recycled has to wait. */
  restrained(worker: WorkerProcess, by: Restraint): void;
  /** `replacedAfter`: milliseconds until the next attempt. `instead`: the worker that serves in this slot all the same. */
  ended(worker: WorkerProcess, end: WorkerEnd, replacedAfter: number | undefined, instead: WorkerProcess | undefined): void;
  /** No process of it is left. */
  empty(): void;
}

/** A worker that accepted for less than this was not healthy: its replacement waits. Milliseconds. */
const HEALTHY = 1_000;
const BACKOFF_LIMIT = 30_000;

interface Backoff {
  readonly delay: number;
  readonly due: number;
}

export class Cohort {
  #wanted = 0;
  #exposed = false;
  /** Tries again when a worker fails to boot, instead of giving up. */
  #patient = false;
  readonly #slots = new Map<number, WorkerProcess>();
  readonly #leaving = new Set<WorkerProcess>();
  /** Whose worker leaves when the slot's next one accepts: that one boots, or waits in `#backoff`. */
  readonly #departing = new Set<number>();
  readonly #substitutes = new Map<number, WorkerProcess>();
  /** Who has reached a limit, in that order; each serves on until its turn. */
  readonly #spent = new Map<number, WorkerProcess>();
  readonly #backoff = new Map<number, Backoff>();
  readonly #order: (slot: number) => WorkerOrder;
  readonly #shares: (slots: readonly number[]) => Deal;
  readonly #listener: CohortListener;
  readonly #workerListener: WorkerListener;

  /** `shares`: who accepts where, of the slots that have a worker. */
  constructor(order: (slot: number) => WorkerOrder, shares: (slots: readonly number[]) => Deal, listener: CohortListener) {
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
    return this.#slots.size === 0 && this.#leaving.size === 0;
  }

  get exposed(): boolean {
    return this.#exposed;
  }

  /** Every wanted slot accepts, and nobody is leaving or to be replaced. */
  get settled(): boolean {
    return this.#in('accepting') === this.#wanted && this.#leaving.size + this.#departing.size + this.#spent.size === 0;
  }

  get workers(): readonly WorkerProcess[] {
    return [...this.#slots.values(), ...this.#substitutes.values(), ...this.#leaving];
  }

  /** Have `wanted` slots filled: start what is missing, drain the highest ones beyond it. */
  resize(wanted: number): void {
    this.#wanted = wanted;
    for (let slot = 1; slot <= wanted; slot++) if (!this.#slots.has(slot) && !this.#backoff.has(slot)) this.#spawn(slot);
    for (const slot of [...this.#backoff.keys()]) if (slot > wanted) this.#backoff.delete(slot);
    this.deal();
    for (const [slot, worker] of [...this.#slots, ...this.#substitutes]) if (slot > wanted) this.#retire(worker);
    this.#tell();
  }

  /** From now on whoever is ready accepts. One that dies is replaced; `patient` false: it is a failure until `persist`. */
  expose(patient = true): void {
    this.#exposed = true;
    this.#patient ||= patient;
    this.#admit([...this.#slots.values()].filter((worker) => worker.state === 'ready'));
    // Asked again, all may accept already.
    this.#tell();
  }

  /** Try again, with growing pauses, when a worker does not boot. */
  persist(): void {
    if (this.#patient) return;
    this.#patient = true;
    for (let slot = 1; slot <= this.#wanted; slot++) if (!this.#slots.has(slot)) this.#refill(slot, false);
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
    for (const [slot, { due }] of [...this.#backoff]) if (now >= due && this.#lacks(slot)) this.#spawn(slot);
    this.#recycle();
  }

  rearm(milliseconds: number): void {
    for (const worker of this.workers) worker.rearm(milliseconds);
    for (const [slot, { delay, due }] of [...this.#backoff]) this.#backoff.set(slot, { delay, due: due + milliseconds });
  }

  /** Nobody is there or on the way: for an empty slot, or for one whose worker is to be replaced. */
  #lacks(slot: number): boolean {
    return this.#departing.has(slot) ? !this.#substitutes.has(slot) : !this.#slots.has(slot);
  }

  #spawn(slot: number): void {
    const instead = this.#slots.get(slot);
    const worker = new WorkerProcess(this.#order(slot), this.#workerListener);
    (instead === undefined ? this.#slots : this.#substitutes).set(slot, worker);
    this.#listener.spawned(worker, instead);
  }

  #retire(worker: WorkerProcess): void {
    for (const each of [this.#slots, this.#substitutes, this.#spent]) if (each.get(worker.slot) === worker) each.delete(worker.slot);
    this.#departing.delete(worker.slot);
    this.#leaving.add(worker);
    // One that does not know its app yet has nothing to drain.
    if (worker.state === 'booting') worker.kill();
    else worker.drain();
  }

  #ready(worker: WorkerProcess): void {
    this.#listener.workerReady(worker);
    if (this.#slots.get(worker.slot) !== worker && this.#substitutes.get(worker.slot) !== worker) return;
    if (this.#exposed) this.#admit([worker]);
    this.#tell();
  }

  /** Those who accept already keep what they serve until these do, too. */
  #admit(workers: readonly WorkerProcess[]): void {
    const shares = this.#shares(slotsOf([...this.#serving, ...workers]));
    for (const worker of workers) worker.serve(shares.get(worker.slot) ?? []);
  }

  /** Who serves, or is about to, gets the share that it has by now: those who are to leave have none. */
  deal(): void {
    const shares = this.#shares(slotsOf(this.#serving));
    for (const worker of this.#serving) worker.serve(shares.get(worker.slot) ?? []);
  }

  get #serving(): readonly WorkerProcess[] {
    return this.workers.filter((worker) => worker.serves && worker.slot <= this.#wanted);
  }

  #tell(): void {
    if (this.#wanted === 0) return;
    if (this.#exposed && this.#in('accepting') === this.#wanted) this.#listener.accepting();
    else if (!this.#exposed && this.#in('ready') === this.#wanted) this.#listener.ready();
  }

  #in(state: WorkerProcess['state']): number {
    return [...this.#slots.values()].filter((worker) => worker.state === state).length;
  }

  /** It was told to leave, by somebody else: not before another one accepts in its place, but that one is started at once. */
  #left(worker: WorkerProcess): void {
    if (this.#slots.get(worker.slot) !== worker) return worker.drain();
    if (!this.#departing.has(worker.slot)) this.#replace(worker, worker.acceptingFor >= HEALTHY);
  }

  /** Its siblings have what it had, and another one is started at once: its drain may take long. */
  #stopped(worker: WorkerProcess): void {
    this.deal();
    this.#left(worker);
  }

  #reachedLimit(worker: WorkerProcess): void {
    if (this.#slots.get(worker.slot) !== worker || this.#departing.has(worker.slot)) return;
    this.#spent.set(worker.slot, worker);
    this.#recycle();
  }

  /** As many as may be replaced now. It had enough, which is no fault of its own: there is no pause as for one that died. */
  #recycle(): void {
    for (const worker of [...this.#spent.values()]) {
      const by = restraint(worker, { wanted: this.#wanted, booting: this.#substitutes.size, draining: this.#leaving.size });
      if (by === undefined) this.#replace(worker, true);
      else this.#listener.restrained(worker, by);
    }
  }

  #replace({ slot }: WorkerProcess, healthy: boolean): void {
    this.#spent.delete(slot);
    this.#departing.add(slot);
    this.#refill(slot, healthy);
  }

  /** Only now the one before it drains: a slot that accepted never stops to. */
  #accepts(worker: WorkerProcess): void {
    const { slot } = worker;
    const before = this.#slots.get(slot);
    if (this.#substitutes.get(slot) === worker) {
      if (before !== undefined) this.#retire(before);
      this.#fillBySubstitute(slot, worker);
    }
    this.deal();
    this.#tell();
    this.#recycle();
  }

  #fillBySubstitute(slot: number, substitute: WorkerProcess): void {
    this.#substitutes.delete(slot);
    this.#departing.delete(slot);
    this.#slots.set(slot, substitute);
  }

  #ended(worker: WorkerProcess, end: WorkerEnd): void {
    const { slot } = worker;
    this.#leaving.delete(worker);
    this.deal();
    let replacedAfter: number | undefined;
    if (this.#slots.get(slot) === worker) replacedAfter = this.#vacated(worker, end);
    else if (this.#substitutes.get(slot) === worker) {
      this.#substitutes.delete(slot);
      replacedAfter = this.#refill(slot, false);
    }
    this.#listener.ended(worker, end, replacedAfter, this.#slots.get(slot));
    if (this.empty) this.#listener.empty();
    else this.#recycle();
  }

  /** Milliseconds until the slot is filled again; undefined for a failure. */
  #vacated(worker: WorkerProcess, end: WorkerEnd): number | undefined {
    const { slot } = worker;
    const substitute = this.#substitutes.get(slot);
    const departing = this.#departing.delete(slot);
    this.#slots.delete(slot);
    this.#spent.delete(slot);
    if (substitute !== undefined) this.#fillBySubstitute(slot, substitute);
    // Its substitute failed to boot: the next attempt is due when it was.
    else if (departing) return Math.max(0, (this.#backoff.get(slot)?.due ?? 0) - performance.now());
    else if (this.#patient) return this.#refill(slot, worker.acceptingFor >= HEALTHY);
    else this.#fail(worker, end);
    return substitute === undefined ? undefined : 0;
  }

  #fail(worker: WorkerProcess, end: WorkerEnd): void {
    const { status, reason, stack } = end.failure ?? { status: EXIT.boot, reason: howItEnded(worker, end), stack: '' };
    this.#listener.failed(status, reason, stack);
  }

  /** Milliseconds until the slot is filled again. */
  #refill(slot: number, healthy: boolean): number {
    if (healthy) {
      this.#backoff.delete(slot);
      this.#spawn(slot);
      return 0;
    }
    const last = this.#backoff.get(slot)?.delay ?? 0;
    const delay = Math.min(BACKOFF_LIMIT, Math.max(1_000, last * 2));
    this.#backoff.set(slot, { delay, due: performance.now() + delay });
    return delay;
  }
}

/** Each once: a worker and its substitute have the same. */
function slotsOf(workers: readonly WorkerProcess[]): readonly number[] {
  return [...new Set(workers.map(({ slot }) => slot))];
}

/** `worker 2 exited with status 7 before it was ready`. */
function howItEnded(worker: { readonly slot: number }, end: WorkerEnd): string {
  const how = end.signal === null ? `exited with status ${end.code}` : `was killed by ${end.signal}`;
  return `worker ${worker.slot} ${how} before it was ready`;
}
