import { constants } from 'node:os';
import { isAlive, pendingSignals, stat } from './proc.js';
import type { Test } from './temp.js';
import { waitFor } from './wait.js';

/** SIGSTOP, and waits until the process really stands still; the teardown thaws it, or it could not even be ended by TERM. */
export async function freeze(t: Test, pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  t.teardown(() => {
    if (isAlive(pid)) thaw(pid);
  });
  await waitFor(() => stat(pid)?.state === 'T', 20_000, `process ${pid} to stop`);
}

/** SIGCONT. */
export function thaw(pid: number): void {
  process.kill(pid, 'SIGCONT');
}

/** A signal, and waits until it is taken: a second one of its kind that comes before that is the same one. signal(7). */
export async function deliver(pid: number, name: NodeJS.Signals): Promise<void> {
  process.kill(pid, name);
  const bit = 1n << BigInt(constants.signals[name] - 1);
  await waitFor(() => (pendingSignals(pid) & bit) === 0n, 20_000, `${pid} to take ${name}`);
}
