/** In the worker: a thread that sees to it that the process ends even if its own event loop no longer turns. */
import { Worker } from 'node:worker_threads';
import type { Watch } from './watchdog-thread.cjs';

export interface Watchdog {
  /** Resolves when the lease has ended; rejects when there is no thread, or none any more, to watch it. */
  readonly leaseEnded: Promise<void>;
  /** From now on the end of the lease leaves this much time, in milliseconds. */
  allow(limit: number): void;
}

/**
 * Starts the thread, which takes as long to start as Node does: beside whatever the main thread does meanwhile, even if that is to be stuck. What
 * came too early, an order or the end of the lease, waits for it in the descriptors. It then watches at no cost. Ordered to abort, it writes the
 * stack of the main thread, one frame a line, and aborts the process; an empty loop, which cannot be looked into, after a second. A stuck worker
 * whose last master died is killed: it would hold the listeners, and so the ports, for ever.
 */
export function startWatchdog(watch: Watch): Watchdog {
  let thread: Worker | undefined;
  const leaseEnded = new Promise<void>((resolve, reject) => {
    thread = startThread(watch);
    thread.once('message', () => resolve());
    thread.once('error', reject);
    // The worker's life does not depend on it, in either direction. A listener for messages would.
    thread.unref();
  });
  return { leaseEnded, allow: (limit) => thread?.postMessage(limit) };
}

function startThread(watch: Watch): Worker {
  return new Worker(new URL('../worker/watchdog-thread.cjs', import.meta.url), {
    workerData: watch,
    execArgv: [],
    env: {},
    trackUnmanagedFds: false,
    resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 },
  });
}
