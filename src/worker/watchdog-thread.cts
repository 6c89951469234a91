/**
 * In a thread of the worker, idle until the master's byte or the end of the lease. The main thread cannot be asked: everything here is done at
 * once. CommonJS, and the inspector only when it is needed: a thread that has to set up ES modules first takes a quarter longer to start.
 */
import fs = require('node:fs');
import net = require('node:net');
import threads = require('node:worker_threads');

/** What the thread is given. */
export interface Watch {
  /** A socket to the master: a byte on it is the order to abort, and the stack is written back to it. Its end is no order. */
  readonly order: number;
  /** The reading end of the lease, which nobody else may read: when it ends, the worker has `limit` milliseconds to be gone. */
  readonly lease: number;
  readonly limit: number;
}

interface Frame {
  readonly functionName: string;
  readonly url: string;
  readonly location: { readonly scriptId: string; readonly lineNumber: number };
}

/** Milliseconds after which the process is aborted without a stack. */
const PATIENCE = 1000;
const watch = threads.workerData as Watch;
let { limit } = watch;
let deadline: NodeJS.Timeout | undefined;

const order = new net.Socket({ fd: watch.order, readable: true, writable: false });
order.on('error', () => {});
order.once('data', dumpAndAbort);

const lease = new net.Socket({ fd: watch.lease, readable: true, writable: false });
lease.on('error', () => {});
lease.once('end', () => {
  threads.parentPort?.postMessage('lease ended');
  arm();
});
lease.resume();

threads.parentPort?.on('message', (allowed: number) => {
  limit = allowed;
  if (deadline !== undefined) arm();
});

function arm(): void {
  clearTimeout(deadline);
  deadline = setTimeout(() => process.kill(process.pid, 'SIGKILL'), limit);
}

function dumpAndAbort(): void {
  // Replies of the other thread do not wake this one's loop.
  setInterval(() => {}, 10);
  setTimeout(() => abort([]), PATIENCE);
  try {
    askMainThread();
  } catch {
    // A Node without an inspector: the process ends all the same, a second later.
  }
}

function askMainThread(): void {
  const urls = new Map<string, string>();
  const { Session } = require('node:inspector') as typeof import('node:inspector');
  const session = new Session();
  session.connectToMainThread();
  session.on('Debugger.scriptParsed', ({ params }) => urls.set(params.scriptId, params.url));
  session.on('Debugger.paused', ({ params }) => abort(params.callFrames.map((frame) => lineOf(frame, urls))));
  session.post('Debugger.enable');
  session.post('Debugger.pause');
}

function lineOf({ functionName, url, location }: Frame, urls: ReadonlyMap<string, string>): string {
  const file = url || urls.get(location.scriptId) || '?';
  return `${functionName || '<anonymous>'} (${file}:${location.lineNumber + 1})`;
}

function abort(stack: readonly string[]): void {
  try {
    fs.writeSync(watch.order, stack.join('\n'));
  } finally {
    // Not process.abort(), which a thread does not have. The default action: no listener could run.
    process.kill(process.pid, 'SIGABRT');
  }
}
