/** The start of a worker's process (master). What this file imports is loaded before everything else: it loads no native module. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import { WORKER_FDS } from '../channel/worker-messages.js';
import { HoldfastError } from '../errors.js';
import { assureDescriptors } from '../sys/descriptor-limit.js';
import { createGuard } from '../sys/guard.js';

/** What a process of ours is started from: it becomes a worker when it is told what to be. */
export interface WorkerStart {
  /** The file of the first word of the command. */
  readonly program: string;
  readonly command: readonly [string, ...string[]];
  /** The file of ours that it runs. */
  readonly script: string;
  /** Whether the kernel is to kill it when its lease ends before it has a watchdog. */
  readonly guarded: boolean;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** The reading end of the generation's lease. */
  readonly lease: number;
  readonly listeners: readonly number[];
  /** Whether it leads a session of its own, which has no terminal. */
  readonly ownSession: boolean;
  /** Its standard streams. */
  readonly output: number | 'inherit';
}

export interface StartedWorker {
  readonly process: ChildProcess;
  /** Ours of the descriptor that it has as `guardAt`; to be armed, or closed. */
  readonly guard: number | undefined;
}

/** Its channel, its pipe, and what a spawn takes for itself. */
const DESCRIPTORS = 10;

/** Throws when the system refuses to start it. `errors`: another descriptor for its standard error. */
export function startWorker(
  { program, command: [argv0, ...options], script, guarded, cwd, env, lease, listeners, ownSession, output }: WorkerStart,
  errors = output,
): StartedWorker {
  // Node would have many lines about it, and none of them in the log.
  if (!existsSync(script)) throw new HoldfastError(`${script} is gone (install Holdfast there again, or USR2 to upgrade to another)`);
  assureDescriptors(DESCRIPTORS);
  const guard = guarded ? createGuard(lease) : undefined;
  const last = guard === undefined ? [] : [guard];
  try {
    return {
      process: spawn(program, [...options, script], {
        argv0,
        cwd,
        env,
        detached: ownSession,
        stdio: ['ignore', output, errors, 'pipe', lease, 'pipe', ...listeners, ...last],
      }),
      guard,
    };
  } catch (error) {
    if (guard !== undefined) closeSync(guard);
    throw error;
  }
}

/** Where it finds its guard. */
export function guardAt({ listeners }: WorkerStart): number {
  return WORKER_FDS.listeners + listeners.length;
}

/** Our ends of its channel, and of the socket by which it is told to abort. */
export function socketsOf({ stdio }: ChildProcess): { readonly channel: Socket; readonly abort: Socket } {
  return { channel: stdio.at(WORKER_FDS.channel) as Socket, abort: stdio.at(WORKER_FDS.abort) as Socket };
}
