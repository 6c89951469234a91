// A double-forked process is nobody's child and nobody's group: an entry in its environment, which every descendant inherits, still finds it.
import { readFileSync } from 'node:fs';
import { commandLine, environmentOf, isAlive, ofProcess, pids, stat } from './proc.js';

export const MARK = 'HOLDFAST_TEST_MARK';

export type Role = 'master' | 'worker' | 'keeper' | 'launcher' | 'other';

export interface MarkedProcess {
  readonly pid: number;
  readonly ppid: number;
  readonly args: string;
  /** A guess, from the title or the environment it was started with. */
  readonly role: Role;
  /** NaN when neither says. */
  readonly gen: number;
  readonly slot: number;
}

/** The live processes (no zombies, not this one) that were started with `mark` in their environment. */
export function processesMarked(mark: string): MarkedProcess[] {
  const entry = `${MARK}=${mark}\0`;
  const carries = (pid: number) => ofProcess(() => readFileSync(`/proc/${pid}/environ`, 'latin1'))?.includes(entry) === true;
  return pids()
    .filter((pid) => pid !== process.pid && carries(pid) && isAlive(pid))
    .map(look);
}

/** SIGKILL to every process that carries the mark, again until none is left: one may be forking just now. */
export function killMarked(mark: string): void {
  for (let round = 0; round < 20; round += 1) {
    const left = processesMarked(mark);
    if (left.length === 0) return;
    for (const { pid } of left) ofProcess(() => process.kill(pid, 'SIGKILL'));
  }
}

function look(pid: number): MarkedProcess {
  const args = commandLine(pid);
  const environment = environmentOf(pid);
  const gen = /^holdfast: .* gen (\d+)/.exec(args)?.[1] ?? environment.get('HOLDFAST_GENERATION');
  return {
    pid,
    ppid: stat(pid)?.ppid ?? 0,
    args,
    role: guessRole(args, pid, environment),
    gen: Number(gen ?? NaN),
    slot: slotOf(environment),
  };
}

/** The app's own children inherit HOLDFAST_WORKER from their worker, a worker has it from a master that lacks it. */
function guessRole(args: string, pid: number, environment: ReadonlyMap<string, string>): Role {
  const titled = /^holdfast: (master|worker|keeper|launcher)\b/.exec(args)?.[1];
  if (titled !== undefined) return titled as Role;
  const parent = stat(pid)?.ppid ?? 0;
  if (environment.has('HOLDFAST_WORKER')) return environmentOf(parent).has('HOLDFAST_WORKER') ? 'other' : 'worker';
  return /\bholdfast(\.js)?\b/.test(args) && !args.startsWith('unshare ') ? 'master' : 'other';
}

function slotOf(environment: ReadonlyMap<string, string>): number {
  return Number(environment.get('HOLDFAST_WORKER') ?? NaN);
}
