/** One worker as its master sees it (master): started, told, watched and, when it does not answer, ended. */
import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Channel } from '../channel/channel.js';
import { DRAIN_PATIENCE, FROM_WORKER, type FromWorker, type ToWorker } from '../channel/worker-messages.js';
import { killAtEnd } from '../sys/kill-at-end.js';
import { monotonic } from '../sys/monotonic.js';
import { spawnFailure } from '../sys/spawn-failure.js';
import { WorkerAbort } from './worker-abort.js';
import type { WorkerEnd, WorkerFailure } from './worker-end.js';
import type { WorkerOrder } from './worker-order.js';
import { guardAt, socketsOf, startWorker } from './worker-start.js';

export type WorkerState = 'booting' | 'ready' | 'accepting' | 'draining' | 'gone';

export interface WorkerListener {
  ready(worker: WorkerProcess): void;
  accepting(worker: WorkerProcess): void;
  /** Somebody else told it to leave, and it waits for our word. */
  leaving(worker: WorkerProcess): void;
  /** It has reached a limit of its own, and waits for our word, however long that takes. */
  spent(worker: WorkerProcess): void;
  /** It stopped accepting without our word. */
  stopped(worker: WorkerProcess): void;
  end(worker: WorkerProcess, end: WorkerEnd): void;
}

/** After its exit: to hear what it said last, should a child of its own hold the channel. Milliseconds. */
const LAST_WORDS_LIMIT = 500;

export class WorkerProcess {
  readonly slot: number;
  readonly startedAt = monotonic();
  #state: WorkerState = 'booting';
  #readyAt = Number.POSITIVE_INFINITY;
  #acceptedAt = Number.POSITIVE_INFINITY;
  #why: string | undefined;
  #heardAt = monotonic();
  #deadline: number;
  #drainLimit = 0;
  #troubles: readonly string[] = [];
  #serves: readonly number[] | undefined;
  /** The last that it said of itself; what it lived through is no cause. */
  #words: WorkerFailure | undefined;
  /** What it was killed for. */
  #verdict: WorkerFailure | undefined;
  #exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined;
  readonly #order: WorkerOrder;
  readonly #listener: WorkerListener;
  readonly #process: ChildProcess | undefined;
  readonly #channel: Channel<FromWorker, ToWorker> | undefined;
  readonly #abort: WorkerAbort | undefined;

  constructor(order: WorkerOrder, listener: WorkerListener) {
    this.#order = order;
    this.#listener = listener;
    this.slot = order.boot.slot;
    this.#deadline = this.startedAt + order.bootTimeout;
    let guard: number | undefined;
    try {
      ({ process: this.#process, guard } = order.started ?? startWorker(order.start));
    } catch (error) {
      this.#cannotStart(error);
      return;
    }
    const guarded = guard !== undefined && armed(guard, this.pid);
    this.#process.once('error', (error) => this.#cannotStart(error));
    this.#process.once('exit', (code, signal) => this.#exited(code, signal));
    if (this.#process.pid === undefined) return;
    const { channel, abort } = socketsOf(this.#process);
    this.#abort = new WorkerAbort(abort);
    this.#channel = new Channel<FromWorker, ToWorker>(channel, FROM_WORKER, {
      message: (message) => this.#hear(message),
      end: (how) => {
        // A worker that writes garbage was taken over, or is another program: it can do no harm but must not stay.
        if (how === 'garbage') this.#fail(3, 'sent its master what is no message');
        this.#settle();
      },
    });
    this.#channel.send({ ...order.boot, guard: guarded ? guardAt(order.start) : null });
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** Milliseconds that it has been accepting for. */
  get acceptingFor(): number {
    return Math.max(0, monotonic() - this.#acceptedAt);
  }

  /** Milliseconds from its start to *ready*. */
  get bootTook(): number {
    return this.#readyAt - this.startedAt;
  }

  /** Why another one is to take its place: `has served 200 requests (--max-requests)`. */
  get why(): string | undefined {
    return this.#why;
  }

  /** How long its drain may take, in milliseconds; known when it is ready. */
  get drainLimit(): number {
    return this.#drainLimit;
  }

  /** What is wrong with it, by its own word when it was ready. */
  get troubles(): readonly string[] {
    return this.#troubles;
  }

  /** Whether it accepts, or was told to. */
  get serves(): boolean {
    return this.#serves !== undefined && (this.#state === 'ready' || this.#state === 'accepting');
  }

  /** Accept on the listeners at these positions, or from now on on these; but for those that came when it had been started. */
  serve(all: readonly number[]): void {
    const positions = all.filter((position) => position < this.#order.boot.listeners);
    if (this.#serves?.join() === positions.join()) return;
    if (this.#serves === undefined) this.#deadline = monotonic() + this.#order.bootTimeout;
    this.#channel?.send({ type: this.#serves === undefined ? 'accept' : 'serve', positions });
    this.#serves = positions;
  }

  drain(): void {
    if (this.#state === 'gone' || this.#state === 'draining') return;
    this.#channel?.send({ type: 'drain' });
    this.#draining();
  }

  /** Leave at once. */
  quit(): void {
    this.#channel?.send({ type: 'quit' });
    this.#state = 'draining';
    this.#deadline = monotonic();
  }

  reopen(): void {
    this.#channel?.send({ type: 'reopen' });
  }

  kill(): void {
    if (this.#exit === undefined) this.#process?.kill('SIGKILL');
  }

  /** Judge by the clock. */
  check(now: number): void {
    if (this.#state === 'gone' || this.#exit !== undefined) return;
    if (this.#state === 'booting' && now > this.#deadline) this.#isLate('was not ready');
    else if (this.#state === 'ready' && this.#serves !== undefined && now > this.#deadline) this.#isLate('did not accept');
    else if (this.#state === 'draining' && now > this.#deadline + DRAIN_PATIENCE) this.kill();
    else if (this.#abort?.overdue(now) === true) this.kill();
    else if (this.#state !== 'booting' && this.#silentFor(now) && this.#abort?.ordered === false) this.#abort.order(now);
  }

  /** Time passed that nobody could use: the machine slept, or this master was stopped. */
  rearm(milliseconds: number): void {
    this.#deadline += milliseconds;
    this.#heardAt += milliseconds;
    this.#abort?.rearm(milliseconds);
  }

  #silentFor(now: number): boolean {
    return this.#order.timeout > 0 && now - this.#heardAt > this.#order.timeout;
  }

  #hear(message: FromWorker): void {
    this.#heardAt = monotonic();
    // An app may catch an error that Node was about to end it for, and live: whoever goes on speaking does. The last one is what it died of.
    this.#words = message.type === 'failed' ? { status: message.status, reason: message.reason, stack: message.stack } : undefined;
    switch (message.type) {
      case 'ready':
        // Once: whoever takes a worker over later could otherwise have its master wait for it for ever.
        if (this.#state !== 'booting') return;
        this.#drainLimit = message.drainLimit;
        if (Array.isArray(message.troubles)) this.#troubles = textsOf(message.troubles);
        this.#state = 'ready';
        this.#readyAt = this.#heardAt;
        this.#listener.ready(this);
        return;
      case 'accepting':
        if (this.#state !== 'ready') return;
        if (typeof message.drainLimit === 'number') this.#drainLimit = message.drainLimit;
        this.#state = 'accepting';
        this.#acceptedAt = this.#heardAt;
        this.#listener.accepting(this);
        return;
      case 'leaving':
        this.#why ??= 'was told to leave';
        if (this.#state !== 'draining') this.#listener.leaving(this);
        return;
      case 'spent':
        this.#why ??= message.why;
        if (this.#state === 'accepting') this.#listener.spent(this);
        return;
      case 'draining':
        if (this.#state === 'draining') return;
        this.#why ??= 'stopped accepting by itself';
        this.#draining();
        this.#listener.stopped(this);
        return;
      case 'failed':
      case 'alive':
      case 'farewell':
        return;
    }
  }

  #draining(): void {
    this.#state = 'draining';
    this.#deadline = monotonic() + this.#drainLimit;
  }

  #isLate(how: string): void {
    this.#fail(3, `worker ${this.slot} ${how} within ${this.#order.bootTimeout / 1000} s (--boot-timeout)`);
  }

  #fail(status: number, reason: string): void {
    this.#verdict ??= { status, reason, stack: '' };
    this.kill();
  }

  /** Out of memory, of processes, of descriptors: a boot that failed like any other. */
  #cannotStart(error: unknown): void {
    const reason = `cannot start worker ${this.slot}: ${spawnFailure(error, this.#order.boot.cwd)}`;
    this.#verdict ??= { status: 3, reason, stack: '' };
    this.#exited(null, null);
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#exit !== undefined) return;
    this.#exit = { code, signal };
    if (this.#channel?.open === true) setTimeout(() => this.#finish(), LAST_WORDS_LIMIT).unref();
    // Not within the constructor: nobody could know this worker yet.
    else setImmediate(() => this.#finish());
  }

  #settle(): void {
    if (this.#exit !== undefined) this.#finish();
  }

  #finish(): void {
    if (this.#state === 'gone' || this.#exit === undefined) return;
    this.#state = 'gone';
    this.#channel?.close();
    this.#abort?.close();
    // Nobody ends himself by KILL, whatever he said a moment before.
    const failure = this.#verdict ?? (this.#exit.signal === 'SIGKILL' ? undefined : this.#words);
    this.#listener.end(this, {
      ...this.#exit,
      ...(failure === undefined ? {} : { failure }),
      ...(this.#abort?.ordered === true ? { stuck: this.#abort.stack } : {}),
    });
  }
}

/** A worker that was taken over may send anything: there are no more than two logs. */
function textsOf(troubles: readonly unknown[]): string[] {
  return troubles.slice(0, 2).filter((each) => typeof each === 'string');
}

/** False where the kernel refuses; then the worker has to see to it itself. Our copy of its guard is closed. */
function armed(guard: number, pid: number): boolean {
  try {
    killAtEnd(guard, pid);
    return true;
  } catch {
    return false;
  } finally {
    closeSync(guard);
  }
}
