/** What is measured: something that serves, and that can replace itself while it does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ask } from '../../support/ask.js';
import type { Target } from '../../support/holdfast.js';
import { children, isAlive } from '../../support/proc.js';
import { type Test, tempDir } from '../../support/temp.js';
import { waitFor } from '../../support/wait.js';
import { bareEnvironment } from '../command.js';

export interface Options {
  readonly workers: number;
  /** A fixture: `hello.js` says one word, `full.js` has every route that the load asks for. */
  readonly app: 'hello.js' | 'full.js';
  /** Options of Holdfast's own. */
  readonly args?: readonly string[];
}

/** One way to replace what serves by something new. */
export interface Operation {
  readonly name: string;
  /** Resolves when nothing of the old is left. */
  run(): Promise<void>;
}

export interface Running {
  readonly target: Target;
  /** Where all of its processes live, as long as it has not replaced itself. setsid(2) */
  readonly session: number;
  readonly operations: readonly Operation[];
}

export interface Subject {
  readonly name: string;
  /** Why it cannot be measured here, and what to do; undefined when it can. */
  missing(): Promise<string | undefined>;
  version(): Promise<string>;
  /** Whether it has an app at all: without one nothing slow and no upload is asked of it. */
  readonly hasApp: boolean;
  start(t: Test, options: Options): Promise<Running>;
}

/** How long a replacement may take. Milliseconds. */
export const REPLACE_MS = 60_000;

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** A child that prints into a file, in a session of its own, ended with all its descendants by the teardown. */
export function startChild(t: Test, command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const dir = tempDir(t);
  const out = openSync(join(dir, 'output'), 'a');
  const child = spawn(command, args, { cwd: dir, env: { ...bareEnvironment(), ...env }, stdio: ['ignore', out, out], detached: true });
  closeSync(out);
  t.teardown(() => endGroup(child));
  return child;
}

async function endGroup(child: ChildProcess): Promise<void> {
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  } catch {
    // Nothing of it is left.
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** Resolves when it answers. */
export async function answers(target: Target): Promise<void> {
  await waitFor(() => ask(target, '/', 20_000).then(Boolean, () => false), 30_000, `an answer on port ${target.port}`);
}

/** Runs `replace`, and resolves when none of the children that `pid` had before it is left. */
export async function replacingChildren(pid: number, replace: () => unknown): Promise<void> {
  const old = children(pid);
  await replace();
  await waitFor(() => old.every((each) => !isAlive(each)), REPLACE_MS, `the end of ${old.join(', ')}`);
}
