/** What the kernel can kill a process by, when a pipe ends. See killAtEnd; this file loads no native module. */
import { constants, openSync, readFileSync } from 'node:fs';
import { release } from 'node:os';

/**
 * For one process, which is to inherit it: another open file description of the reading end of a pipe, close-on-exec. Whom the kernel is to kill
 * belongs to the description. Undefined where it cannot be had: not on Linux, no /proc, no descriptors left. proc(5), /proc/PID/fd.
 * Nor before Linux 5.6, whose pipes signal at every close of a description, and not at the last one of an end only (fs/pipe.c, pipe_release).
 */
export function createGuard(reading: number): number | undefined {
  if (process.platform !== 'linux' || !signalsAtEndOnly(release())) return undefined;
  try {
    return openSync(`/proc/self/fd/${reading}`, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/** `5.15.0-91-generic`. uname(2) */
export function signalsAtEndOnly(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 5 || (major === 5 && minor >= 6);
}

/** From 0 on, as many as there are. user_namespaces(7), /proc/PID/uid_map */
const EVERYBODY = /^\s*0\s+0\s+4294967295\s*$/;

/**
 * Whether a guard that root arms kills who becomes another user later. In a user namespace, that of a container without real root for one, it does not:
 * the kernel asks when the pipe ends whether whoever armed it is root outside, or the same user. fcntl(2), F_SETOWN.
 */
export function reachesDropped(): boolean {
  try {
    return EVERYBODY.test(readFileSync('/proc/self/uid_map', 'utf8'));
  } catch {
    return false;
  }
}
