/** In the worker: a thread that sees to it that the process ends even if its own event loop no longer turns. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** What the thread is given. */
export interface Watch {
  /** A socket to the master: a byte on it is the order to abort, and the stack is written back to it. Its end is no order. */
  readonly order: number;
  /** The reading end of the lease, which nobody else may read: when it ends, the worker has `limit` milliseconds to be gone. */
  readonly lease: number;
  readonly limit: number;
}

export interface Watchdog {
  /** From now on the end of the lease leaves this much time, in milliseconds. */
  allow(limit: number): void;
}

/**
 * Resolves when the thread watches; it does so at no cost. The end of the lease is told to `leaseEnded`. Ordered to abort, it writes the stack of the main thread, one frame a line, and
 * aborts the process; an empty loop, which cannot be looked into, after a second. A stuck worker whose last master died is killed: it would
 * hold the listeners, and so the ports, for ever.
 */
export async function startWatchdog(watch: Watch, leaseEnded: () => void): Promise<Watchdog> {
  const thread = new Worker(new URL('./watchdog-thread.js', import.meta.url), {
    workerData: watch,
    execArgv: [],
    env: {},
    trackUnmanagedFds: false,
    resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 },
  });
  await once(thread, 'message');
  thread.once('message', leaseEnded);
  // The worker's life does not depend on it, in either direction.
  thread.unref();
  thread.on('error', () => {});
  return { allow: (limit) => thread.postMessage(limit) };
}
