/** The launcher: starts the daemon and waits until that is ready, or gone. */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { HoldfastError, messageOf } from '../errors.js';
import { setCloseOnExec } from '../sys/descriptors.js';
import { FIRST, inPlace } from '../sys/in-place.js';
import { intermediate } from '../sys/intermediate.js';
import { readNote } from './note.js';

export interface DaemonOptions {
  /** What to start; this very command if not given. */
  readonly command?: {
    readonly argv: readonly [string, ...string[]];
    readonly directory: string;
    readonly env: NodeJS.ProcessEnv;
  };
  /** Descriptors that the daemon has under the same numbers: listening sockets, say. */
  readonly keep?: readonly number[];
  /** Do not wait any longer: the daemon gets TERM, and the launcher returns when it has ended. */
  readonly signal?: AbortSignal;
}

export interface Launched {
  readonly is: 'launcher';
  /** 0 when the daemon is ready. */
  readonly exitStatus: number;
  /** Why it is not, in its own words; or what is wrong although it is. */
  readonly reason?: string;
}

const FAILED = 1;

export async function launch(variable: string, { command = thisCommand(), keep = [], signal }: DaemonOptions): Promise<Launched> {
  const socket = await start(variable, command, keep);
  const giveUp = () => socket.end();
  if (signal?.aborted === true) giveUp();
  signal?.addEventListener('abort', giveUp, { once: true });
  try {
    return await verdict(socket);
  } finally {
    signal?.removeEventListener('abort', giveUp);
    socket.destroy();
  }
}

async function start(
  variable: string,
  { argv, directory, env }: NonNullable<DaemonOptions['command']>,
  keep: readonly number[],
): Promise<Socket> {
  const open = descriptors();
  const missing = keep.find((fd) => !open.includes(fd));
  // Of one that is not there spawn(3) says EBADF, or runs out of memory on the way to it.
  if (missing !== undefined) throw new HoldfastError(`cannot hand descriptor ${missing} to the daemon: it is not open`);
  hide(open);
  const place = Math.max(FIRST - 1, ...keep) + 1;
  const [program, ...args] = intermediate(argv, place + 1);
  const child = spawn(program, args, {
    cwd: directory,
    // The session is led by who leaves at once, so nobody does.
    detached: true,
    env: { ...env, PWD: directory, [variable]: String(place) },
    stdio: ['ignore', 'ignore', 'inherit', ...inPlace(keep, place), 'pipe'],
  });
  const failure = new Promise<Error>((resolve) => child.once('error', resolve));
  child.unref();
  const socket = child.stdio?.at(place) as Socket | null | undefined;
  if (child.pid === undefined || socket === null || socket === undefined) throw await failure;
  return socket;
}

/** Its word, or its end. */
function verdict(socket: Socket): Promise<Launched> {
  let text = '';
  return new Promise((resolve) => {
    const done = () => resolve({ is: 'launcher', ...(readNote(text) ?? { exitStatus: FAILED, reason: 'the daemon died without a word' }) });
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      // A failure is over when nothing of it is left.
      if (readNote(text)?.exitStatus === 0) done();
    });
    socket.on('error', () => {});
    socket.once('close', done);
  });
}

function descriptors(): number[] {
  const numbers = readdirSync(process.platform === 'linux' ? '/proc/self/fd' : '/dev/fd').map(Number);
  return numbers.filter((each) => each >= FIRST);
}

/** Of what this process has inherited nothing goes on by accident. Node sees to that up to 15, and then up to the first gap. */
function hide(numbers: readonly number[]): void {
  for (const fd of numbers) {
    try {
      setCloseOnExec(fd);
    } catch (error) {
      // The one that the directory was read by.
      if (!messageOf(error).includes('EBADF')) throw error;
    }
  }
}

function thisCommand(): NonNullable<DaemonOptions['command']> {
  const argv = [process.execPath, ...process.execArgv, ...process.argv.slice(1)] as [string, ...string[]];
  return { argv, directory: process.cwd(), env: process.env };
}
