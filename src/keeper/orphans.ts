/**
 * The keeper as the parent of those who have lost theirs (keeper): masters after the first, which are double-forked, the workers of a dead
 * master, and whatever an app leaves behind. Node waits for nobody but whom it started itself.
 */
import type { ChildProcess } from 'node:child_process';
import { adoptOrphans, endedChild, reapChild } from '../sys/children.js';

export interface Orphans {
  /** See who has ended by now. */
  reap(): void;
  /** Resolves when there is no child left, or after so many milliseconds. */
  noneLeft(limit: number): Promise<void>;
}

/**
 * From now on orphans are ours, and no zombie stays.
 * @param own the child that Node waits for: its exit status is not to be taken away
 * @param ended is told the pid of each that has ended, if need be twice
 */
export function adopt(own: ChildProcess, ended: (pid: number) => void): Orphans {
  let deserted = () => {};
  const reap = () => {
    let pid = endedChild();
    for (; pid !== undefined && pid > 0; pid = endedChild()) {
      ended(pid);
      // It stands before the others until Node has dealt with the same signal, which is in this turn.
      if (pid === own.pid && isAwaited(own)) return void setImmediate(reap);
      reapChild(pid);
    }
    if (pid === undefined) deserted();
  };
  adoptOrphans();
  // One signal may stand for several ends. signal(7).
  process.on('SIGCHLD', reap);
  reap();
  const noneLeft = (limit: number) =>
    new Promise<void>((resolve) => {
      deserted = resolve;
      setTimeout(resolve, limit);
      reap();
    });
  return { reap, noneLeft };
}

/** Not any more once Node knows of its end: then somebody else may have got its pid. */
function isAwaited({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}
