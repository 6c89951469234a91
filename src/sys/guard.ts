/** What the kernel can kill a process by, when a pipe ends. See killAtEnd; this file loads no native module. */
import { constants, openSync } from 'node:fs';

/**
 * For one process, which is to inherit it: another open file description of the reading end of a pipe, close-on-exec. Whom the kernel is to kill
 * belongs to the description. Undefined where it cannot be had: not on Linux, no /proc, no descriptors left. proc(5), /proc/PID/fd.
 */
export function createGuard(reading: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return openSync(`/proc/self/fd/${reading}`, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}
