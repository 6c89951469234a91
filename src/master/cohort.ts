/** The workers of one release in one master (master): a wanted number of slots, each filled, refilled and emptied. */
import { performance } from 'node:perf_hooks';
import { EXIT } from '../errors.js';
import { type WorkerEnd, type WorkerListener, type WorkerOrder, WorkerProcess } from './worker-process.js';

export interface CohortListener {
  /** Every wanted slot is loaded and probed. */
  ready(): void;
  /** Every wanted slot accepts. */
  accepting(): void;
  /** A worker did not become ready, and this cohort is not one that tries again. */
  failed(status: number, reason: string, stack: string): void;
  spawned(worker: WorkerProcess): void;
  workerReady(worker: WorkerProcess): void;
  ended(worker: WorkerProcess, end: WorkerEnd, replacedAfter: number | undefined): void;
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
  /** Who leaves when the slot's next worker accepts. */
  readonly #relieved = new Map<number, WorkerProcess>();
  readonly #backoff = new Map<number, Backoff>();
  readonly #order: (slot: number) => WorkerOrder;
  readonly #listener: CohortListener;
  readonly #workerListener: WorkerListener;

  constructor(order: (slot: number) => WorkerOrder, listener: CohortListener) {
    this.#order = order;
    this.#listener = listener;
    this.#workerListener = {
      ready: (worker) => this.#ready(worker),
      accepting: (worker) => this.#relieve(worker),
      leaving: (worker) => this.#left(worker),
      end: (worker, end) => this.#ended(worker, end),
    };
  }

  get empty(): boolean {
    return this.#slots.size === 0 && this.#leaving.size === 0;
  }

  get exposed(): boolean {
    return this.#exposed;
  }

  /** Every wanted slot accepts, and nobody is leaving. */
  get settled(): boolean {
    return this.#in('accepting') === this.#wanted && this.#leaving.size === 0;
  }

  get workers(): readonly WorkerProcess[] {
    return [...this.#slots.values(), ...this.#leaving];
  }

  /** Have `wanted` slots filled: start what is missing, drain the highest ones beyond it. */
  resize(wanted: number): void {
    this.#wanted = wanted;
    for (let slot = 1; slot <= wanted; slot++) if (!this.#slots.has(slot) && !this.#backoff.has(slot)) this.#spawn(slot);
    for (const slot of [...this.#backoff.keys()]) if (slot > wanted) this.#backoff.delete(slot);
    for (const [slot, worker] of [...this.#slots]) if (slot > wanted) this.#retire(worker);
    this.#tell();
  }

  /** From now on whoever is ready accepts. One that dies is replaced; `patient` false: it is a failure until `persist`. */
  expose(patient = true): void {
    this.#exposed = true;
    this.#patient ||= patient;
    for (const worker of this.#slots.values()) if (worker.state === 'ready') worker.accept();
    // Asked again, all may accept already.
    this.#tell();
  }

  /** Try again, with growing pauses, when a worker does not boot. */
  persist(): void {
    this.#patient = true;
    for (let slot = 1; slot <= this.#wanted; slot++) if (!this.#slots.has(slot)) this.#refill(slot, false);
  }

  /** Drain them all, for good. */
  retire(): void {
    this.resize(0);
    for (const worker of this.#relieved.values()) worker.drain();
    this.#relieved.clear();
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
    for (const [slot, { due }] of [...this.#backoff]) if (now >= due && !this.#slots.has(slot)) this.#spawn(slot);
  }

  rearm(milliseconds: number): void {
    for (const worker of this.workers) worker.rearm(milliseconds);
    for (const [slot, { delay, due }] of [...this.#backoff]) this.#backoff.set(slot, { delay, due: due + milliseconds });
  }

  #spawn(slot: number): void {
    const worker = new WorkerProcess(this.#order(slot), this.#workerListener);
    this.#slots.set(slot, worker);
    this.#listener.spawned(worker);
  }

  #retire(worker: WorkerProcess): void {
    this.#slots.delete(worker.slot);
    this.#leaving.add(worker);
    // One that does not know its app yet has nothing to drain.
    if (worker.state === 'booting') worker.kill();
    else worker.drain();
  }

  #ready(worker: WorkerProcess): void {
    this.#listener.workerReady(worker);
    if (this.#slots.get(worker.slot) !== worker) return;
    if (this.#exposed) worker.accept();
    this.#tell();
  }

  #tell(): void {
    if (this.#wanted === 0) return;
    if (this.#exposed && this.#in('accepting') === this.#wanted) this.#listener.accepting();
    else if (!this.#exposed && this.#in('ready') === this.#wanted) this.#listener.ready();
  }

  #in(state: WorkerProcess['state']): number {
    return [...this.#slots.values()].filter((worker) => worker.state === state).length;
  }

  /** It was told to leave, by somebody else: not before another one accepts in its place. */
  #left(worker: WorkerProcess): void {
    if (this.#slots.get(worker.slot) !== worker) return worker.drain();
    this.#slots.delete(worker.slot);
    this.#leaving.add(worker);
    this.#relieved.get(worker.slot)?.drain();
    this.#relieved.set(worker.slot, worker);
    this.#refill(worker.slot, worker.acceptingFor >= HEALTHY);
  }

  #relieve(worker: WorkerProcess): void {
    this.#relieved.get(worker.slot)?.drain();
    this.#relieved.delete(worker.slot);
    this.#tell();
  }

  #ended(worker: WorkerProcess, end: WorkerEnd): void {
    this.#leaving.delete(worker);
    if (this.#relieved.get(worker.slot) === worker) this.#relieved.delete(worker.slot);
    let replacedAfter: number | undefined;
    if (this.#slots.get(worker.slot) === worker) {
      this.#slots.delete(worker.slot);
      if (this.#patient) replacedAfter = this.#refill(worker.slot, worker.acceptingFor >= HEALTHY);
      else this.#fail(worker, end);
    }
    this.#listener.ended(worker, end, replacedAfter);
    if (this.empty) this.#listener.empty();
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

/** `worker 2 exited with status 7 before it was ready`. */
function howItEnded(worker: { readonly slot: number }, end: WorkerEnd): string {
  const how = end.signal === null ? `exited with status ${end.code}` : `was killed by ${end.signal}`;
  return `worker ${worker.slot} ${how} before it was ready`;
}
