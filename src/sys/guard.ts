/** The kernel kills a process when a pipe ends, also one that is stuck and could not do so itself. Linux; elsewhere there are no guards. */
import { closeSync, constants, openSync } from 'node:fs';
import { control } from './libc.js';

/** Numbers of <asm-generic/fcntl.h>, which Node does not know. */
const [F_GETFL, F_SETFL, F_SETOWN, F_SETSIG, O_ASYNC] = [3, 4, 8, 10, 0o20000];
const SIGKILL = 9;

/**
 * For one process, which is to inherit it: another open file description of the reading end of a pipe, close-on-exec. Whoever is to be killed,
 * and by what signal, belongs to the description. Undefined where it cannot be had: not on Linux, no /proc, no descriptors left. proc(5), /proc/PID/fd.
 */
export function createGuard(reading: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return openSync(`/proc/self/fd/${reading}`, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/**
 * From now on, and until the process has closed its guard, it is killed when nobody holds the writing end any more, or when somebody writes. Our own
 * copy is closed. False where the kernel refuses. The process must not have ended and been waited for, or its pid may be another's. fcntl(2), O_ASYNC.
 */
export function armGuard(guard: number, pid: number): boolean {
  try {
    control(guard, F_SETOWN, pid);
    control(guard, F_SETSIG, SIGKILL);
    control(guard, F_SETFL, control(guard, F_GETFL) | O_ASYNC);
    return true;
  } catch {
    return false;
  } finally {
    closeSync(guard);
  }
}
