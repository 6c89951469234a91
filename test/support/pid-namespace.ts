// A process that is number 1, as the first one of a container is: by unshare(1) of util-linux.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ofProcess } from './proc.js';

const isRoot = process.getuid?.() === 0;

/** What stands before a command that is to be process 1. unshare(1) waits for it and ends as it ends. */
export const asProcessOne: readonly string[] = [
  'unshare',
  ...(isRoot ? [] : ['--user', '--map-root-user']),
  '--pid',
  '--fork',
  '--mount-proc',
  '--kill-child',
];

/** Whether this machine lets us; says so when not. */
export function canBeProcessOne(): boolean {
  const [program, ...args] = [...asProcessOne, 'true'];
  const { status, stderr, error } = spawnSync(program ?? '', args, { encoding: 'utf8' });
  if (status !== 0) console.log(`SKIPPED, for there is no PID namespace to be had: ${error?.message ?? stderr}`);
  return status === 0;
}

/** The number that a process has within its own PID namespace. proc(5), NSpid. */
export function innerPid(pid: number): number {
  const status = ofProcess(() => readFileSync(`/proc/${pid}/status`, 'latin1')) ?? '';
  return Number(/^NSpid:.*\s(\d+)$/m.exec(status)?.[1] ?? Number.NaN);
}

/** As `docker exec CONTAINER sh -c SCRIPT`, in the PID namespace of this process, with its /proc. */
export function runInside(one: number, script: string): string {
  const user = isRoot ? [] : ['--user', '--preserve-credentials'];
  return execFileSync('nsenter', ['-t', String(one), ...user, '--pid', '--mount', 'sh', '-c', script], { encoding: 'utf8' });
}
