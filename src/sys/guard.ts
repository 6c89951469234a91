/** What the kernel can kill a process by, when a pipe ends. See killAtEnd; this file loads no native module. */
import { constants, openSync } from 'node:fs';
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
