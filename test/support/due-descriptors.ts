// What a process of Holdfast's should hold, and nothing beside: what every generation leaks alike is no difference between them.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { type DescriptorKind, descriptors } from './descriptors.js';
import { steady } from './settled.js';
import type { Test } from './temp.js';

type Kinds = Readonly<Record<DescriptorKind, number>>;

export interface Due {
  readonly master: Kinds;
  readonly worker: Kinds;
}

export interface Holding {
  readonly workers: number;
  /** Listening sockets. */
  readonly listeners: number;
  /** Of those, the ones that a worker has copied to accept on (--reuse-port). */
  readonly copied?: number;
}

/** A stream in each event loop, for which libuv keeps a descriptor of /dev/null in reserve; its socket is not counted. */
const STREAM = "require('node:net').createServer().listen(0, '127.0.0.1')";
const THREAD = `new (require('node:worker_threads').Worker)(${JSON.stringify(STREAM)}, { eval: true })`;

/** By kind; what Node needs for itself is asked of one that does nothing. */
export async function dueDescriptors(t: Test, { workers, listeners, copied = 0 }: Holding): Promise<Due> {
  const [empty, threaded] = await Promise.all([bareNode(t, STREAM), bareNode(t, `${STREAM}; ${THREAD}`)]);
  return {
    // A channel and the socket to abort by for each worker; both ends of the lease, and the succession; the pidfile.
    master: sum(empty, { socket: listeners + 2 * workers, pipe: 3, file: 1, anon: 0 }),
    // Its channel, and the socket to abort by; the lease. Its watchdog is a thread.
    worker: sum(threaded, { socket: listeners + copied + 2, pipe: 1, file: 0, anon: 0 }),
  };
}

async function bareNode(t: Test, script: string): Promise<Kinds> {
  const out = openSync('/dev/null', 'w');
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', out, out] });
  closeSync(out);
  t.teardown(() => child.kill('SIGKILL'));
  const kinds = await steady(() => descriptors(child.pid ?? 0).kinds);
  child.kill('SIGKILL');
  return { ...kinds, socket: 0 };
}

function sum(some: Kinds, more: Kinds): Kinds {
  return {
    socket: some.socket + more.socket,
    pipe: some.pipe + more.pipe,
    file: some.file + more.file,
    anon: some.anon + more.anon,
  };
}
