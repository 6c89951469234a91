/** How a worker came to its end (master). Pure. */
import { EXIT } from '../errors.js';

/** Its own words, or what it was killed for. */
export interface WorkerFailure {
  readonly status: number;
  readonly reason: string;
  readonly stack: string;
}

export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It was aborted for its silence; its stack, the innermost frame first, if that could be had. */
  readonly stuck?: readonly string[];
  readonly failure?: WorkerFailure;
}

/** `exited with status 7`, `was killed by SIGKILL`. */
export function howEnded({ code, signal }: WorkerEnd): string {
  if (signal !== null) return `was killed by ${signal}`;
  return code === null ? 'was not started' : `exited with status ${code}`;
}

/** Why the worker in this slot did not become ready. */
export function bootFailure(slot: number, end: WorkerEnd): WorkerFailure {
  return end.failure ?? { status: EXIT.boot, reason: `worker ${slot} ${howEnded(end)} before it was ready`, stack: '' };
}
