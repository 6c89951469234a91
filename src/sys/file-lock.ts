/** A lock that its holder's death lets go (any master). */
import { check, declare, errorName } from './libc.js';

const [LOCK_EX, LOCK_NB, LOCK_UN] = [2, 4, 8];

const flock = declare('int flock(int fd, int operation)');

/** Lock the file for as long as this open file description lives. False when somebody else holds the lock. flock(2). */
export function tryLock(fd: number): boolean {
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  // EWOULDBLOCK is another name of it.
  if (errorName() === 'EAGAIN') return false;
  return check(-1, 'flock') === 0;
}

/** Let the lock go. flock(2), LOCK_UN. */
export function unlock(fd: number): void {
  check(flock(fd, LOCK_UN), 'flock');
}
