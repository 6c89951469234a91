/** In the worker: a thread that says what the worker was doing, and ends it, when its own event loop no longer turns. */
import { Worker } from 'node:worker_threads';

/** What the thread is given. */
export interface StackWatch {
  /** Readable; a byte on it is the order. Nobody else may touch it. */
  readonly fd: number;
  /** Where the line goes. */
  readonly logFd: number;
  /** What the log's lines have in common. */
  readonly fields: { readonly [name: string]: unknown };
}

/**
 * Wait, at no cost, for a byte on the descriptor (a pipe or socket from the master; its end is no order). Then write one JSON line with
 * the stack of the main thread, and abort the process. An empty loop that cannot be looked into is aborted after a second.
 *
 * @param fields added to the line, `gen` and `name` for example
 */
export function startStackWatch(fd: number, logFd = 1, fields: StackWatch['fields'] = {}): void {
  const thread = new Worker(new URL('./abort-thread.js', import.meta.url), {
    workerData: { fd, logFd, fields } satisfies StackWatch,
    execArgv: [],
    env: {},
    trackUnmanagedFds: false,
    resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 },
  });
  // The worker's life does not depend on it, in either direction.
  thread.unref();
  thread.on('error', () => {});
}
