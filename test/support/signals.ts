import { isAlive, stat } from './proc.js';
import type { Test } from './temp.js';
import { waitFor } from './wait.js';

/** SIGSTOP, and waits until the process really stands still; the teardown thaws it, or it could not even be ended by TERM. */
export async function freeze(t: Test, pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  t.teardown(() => {
    if (isAlive(pid)) thaw(pid);
  });
  await waitFor(() => stat(pid)?.state === 'T', 2000, `process ${pid} to stop`);
}

/** SIGCONT. */
export function thaw(pid: number): void {
  process.kill(pid, 'SIGCONT');
}
