/** A process that the kernel ends when a pipe does (master). See createGuard. */
import { check, declare } from './libc.js';

const [F_GETFL, F_SETFL, F_SETOWN, F_SETSIG, O_ASYNC, SIGKILL] = [3, 4, 8, 10, 0o20000, 9];

const c = { fcntl: declare('int fcntl(int fd, int command, ...)') };

/**
 * From now on, and until the last copy of this descriptor is closed, a process is killed when nobody holds the writing end of that pipe any more,
 * or when somebody writes: by the kernel, for one that is stuck could not do so itself. It must not have been waited for, or its pid may be
 * another's. Linux. Throws ENOSYS elsewhere. fcntl(2), O_ASYNC, F_SETSIG; pipe(7).
 */
export function killAtEnd(fd: number, pid: number): void {
  if (process.platform !== 'linux') throw Object.assign(new Error('fcntl: ENOSYS'), { code: 'ENOSYS', syscall: 'fcntl' });
  control(fd, F_SETOWN, pid);
  control(fd, F_SETSIG, SIGKILL);
  control(fd, F_SETFL, control(fd, F_GETFL) | O_ASYNC);
}

/** What a command of fcntl(2) answers; its argument is a number. */
function control(fd: number, command: number, argument = 0): number {
  return check(c.fcntl(fd, command, 'int', argument), 'fcntl');
}
