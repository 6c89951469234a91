/** Descriptors: who inherits them, and what they lead to (any role). */
import { check, declare } from './libc.js';

const [F_GETFD, F_SETFD, F_GETFL, F_SETFL, FD_CLOEXEC] = [1, 2, 3, 4, 1];
/** Numbers of <fcntl.h>, which differ between Linux and macOS. */
const { O_NONBLOCK, F_DUPFD_CLOEXEC } =
  process.platform === 'darwin' ? { O_NONBLOCK: 4, F_DUPFD_CLOEXEC: 67 } : { O_NONBLOCK: 0o4000, F_DUPFD_CLOEXEC: 1030 };

const c = {
  fcntl: declare('int fcntl(int fd, int command, ...)'),
  pipe: declare('int pipe(_Out_ int *fds)'),
  dup2: declare('int dup2(int from, int to)'),
};

/** Mark a descriptor so that no process started later inherits it by accident. fcntl(2), FD_CLOEXEC. */
export function setCloseOnExec(fd: number): void {
  const flags = check(c.fcntl(fd, F_GETFD), 'fcntl');
  check(c.fcntl(fd, F_SETFD, 'int', flags | FD_CLOEXEC), 'fcntl');
}

/** Reads of this open file description return EAGAIN instead of waiting, for every holder. fcntl(2), O_NONBLOCK. */
export function setNonBlocking(fd: number): void {
  const flags = check(c.fcntl(fd, F_GETFL), 'fcntl');
  check(c.fcntl(fd, F_SETFL, 'int', flags | O_NONBLOCK), 'fcntl');
}

/** A pipe, close-on-exec at both ends. pipe(2). */
export function pipe(): { readonly reading: number; readonly writing: number } {
  const fds = [0, 0];
  check(c.pipe(fds), 'pipe');
  const [reading, writing] = fds as [number, number];
  setCloseOnExec(reading);
  setCloseOnExec(writing);
  return { reading, writing };
}

/** Another descriptor for the same open file, close-on-exec. Throws EMFILE, EBADF. fcntl(2), F_DUPFD_CLOEXEC. */
export function duplicate(fd: number): number {
  return check(c.fcntl(fd, F_DUPFD_CLOEXEC, 'int', 0), 'fcntl');
}

/** Make `to` a copy of `from` that an exec keeps. dup2(2). */
export function duplicateOnto(from: number, to: number): void {
  check(c.dup2(from, to), 'dup2');
}

/** The standard output and the standard error are that file from now on, here and in whoever is started later. */
export function pointStreamsAt(fd: number): void {
  for (const stream of [1, 2]) duplicateOnto(fd, stream);
}
