/** What the log says of workers (master). */
import { EXIT } from '../errors.js';
import type { Log } from '../log/log.js';
import { monotonic } from '../sys/monotonic.js';
import { RESTRAINED, type Restraint } from './recycling.js';
import { howEnded, type WorkerEnd } from './worker-end.js';
import type { WorkerProcess } from './worker-process.js';

/** Between two lines about workers that reach their limits too soon. Milliseconds. */
const RESTRAINT_PAUSE = 60_000;

export class WorkerLog {
  readonly #log: Log;
  /** Seconds that a worker may be silent. */
  readonly #timeout: number;
  #restraintLoggedAt = Number.NEGATIVE_INFINITY;

  constructor(log: Log, timeout: number) {
    this.#log = log;
    this.#timeout = timeout;
  }

  /** `instead`: the worker that serves in this slot until the new one accepts. */
  spawned(worker: WorkerProcess, instead: WorkerProcess | undefined): void {
    // The system refused its process, which is told a moment later.
    if (worker.pid === 0) return;
    const what = instead === undefined ? 'is started' : `${instead.why}: another one takes its place`;
    this.#log.info('worker.spawn', `worker ${worker.slot} ${what}`, about(worker));
  }

  ready(worker: WorkerProcess): void {
    this.#log.info('worker.ready', `worker ${worker.slot} is ready`, about(worker));
    for (const trouble of worker.troubles) this.#log.warning(null, `worker ${worker.slot} says: ${trouble}`, about(worker));
  }

  /** One line a minute: it may be so for every worker, for ever. */
  restrained({ slot, why, acceptingFor }: WorkerProcess, by: Restraint): void {
    const [what, now] = [RESTRAINED[by], monotonic()];
    if (what === undefined || now < this.#restraintLoggedAt + RESTRAINT_PAUSE) return;
    this.#restraintLoggedAt = now;
    this.#log.warning(null, `worker ${slot} ${why} ${Math.round(acceptingFor) / 1000} s after it began to accept; ${what}`);
  }

  /** `replacedAfter`: milliseconds until the next attempt. `instead`: the worker that serves in this slot all the same. */
  ended(worker: WorkerProcess, end: WorkerEnd, replacedAfter: number | undefined, instead: WorkerProcess | undefined): void {
    if (end.stuck !== undefined) this.#wasStuck(worker, end.stuck);
    const { code, signal } = end;
    if (signal === 'SIGKILL') this.#log.mend();
    const next = replacedAfter === undefined ? '' : nextOf(replacedAfter, worker, instead);
    const level = replacedAfter === undefined && (code === EXIT.ok || signal !== null) ? 'info' : 'warning';
    this.#log[level]('worker.exit', `worker ${worker.slot} ${howEnded(end)}${whyEnded(worker, end)}${next}`, {
      ...about(worker),
      code,
      signal,
    });
    this.debug(end.failure?.stack ?? '');
  }

  debug(stack: string): void {
    if (stack !== '') this.#log.debug(null, stack);
  }

  #wasStuck(worker: WorkerProcess, stack: readonly string[]): void {
    const where = stack.length === 0 ? 'nobody can say where' : `in ${stack[0]}`;
    const msg = `worker ${worker.slot} did not answer for ${this.#timeout} s (--timeout): its event loop was stuck, ${where}`;
    this.#log.error('worker.timeout', msg, { ...about(worker), stack });
  }
}

function about({ slot, pid }: WorkerProcess): { readonly slot: number; readonly worker?: number } {
  return pid === 0 ? { slot } : { slot, worker: pid };
}

/** In its own words; else, when it left in order, why it had to. */
function whyEnded({ why }: WorkerProcess, { code, failure }: WorkerEnd): string {
  // Unless the app caught that, and lived on.
  if (failure !== undefined && code !== EXIT.ok) return `: ${failure.reason}`;
  return why !== undefined && code === EXIT.ok ? `: it ${why}` : '';
}

function nextOf(milliseconds: number, worker: WorkerProcess, instead: WorkerProcess | undefined): string {
  const when = milliseconds === 0 ? 'at once' : `in ${Math.round(milliseconds) / 1000} s`;
  if (instead === undefined || instead.state !== 'accepting') return `; replaced ${when}`;
  return `; worker ${worker.slot} that ${instead.why} serves on, and the next attempt is ${when}`;
}
