// What a tree looks like when nothing is going on in it.
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Holdfast } from './holdfast.js';
import { ofProcess } from './proc.js';
import { waitFor } from './wait.js';

/** Waits for one master with its workers, named by the pidfile, and nothing beside it; or nothing at all, which is false. */
export async function settled(holdfast: Holdfast, workers: number, what: string): Promise<boolean> {
  const look = () => ({ processes: holdfast.processes(), files: holdfast.strayFiles(), named: ofProcess(() => holdfast.pid()) });
  const calm = ({ processes, files, named }: ReturnType<typeof look>) => {
    const masters = processes.filter(({ role }) => role === 'master');
    const theirs = processes.filter(({ role, ppid }) => role === 'worker' && ppid === masters[0]?.pid);
    const whole = masters.length === 1 && theirs.length === workers && processes.length === 1 + workers;
    return processes.length === 0 || (whole && named === masters[0]?.pid && files.length === 0);
  };
  // Twice, for what was ordered may not have begun yet.
  for (let seen = 0; seen < 2; seen += 1) {
    await waitFor(
      () => calm(look()),
      60_000,
      () => `${what} to settle: ${JSON.stringify(look(), undefined, 1)}`,
    );
    await pause(150);
  }
  return holdfast.processes().length > 0;
}

/** Milliseconds. A worker that has begun to accept starts its watchdog and loads its log for less than that. */
const CALM = 300;

/** What `look` shows when it has shown the same for a while. */
export async function steady<T>(look: () => T): Promise<T> {
  let seen = look();
  let since = performance.now();
  const same = () => {
    const next = look();
    if (!isDeepStrictEqual(next, seen)) since = performance.now();
    seen = next;
    return performance.now() - since > CALM;
  };
  await waitFor(same, 20_000, () => `the same for a while: ${JSON.stringify(seen)}`);
  return seen;
}
