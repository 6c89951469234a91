/** A lock that its holder's death lets go (any master). */
import koffi from 'koffi';
import { check, declare } from './libc.js';

const [LOCK_EX, LOCK_NB, LOCK_UN] = [2, 4, 8];

const flock = declare('int flock(int fd, int operation)');

/** Lock the file for as long as this open file description lives. False when somebody else holds the lock. flock(2). */
export function tryLock(fd: number): boolean {
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const errno = koffi.errno();
  if (errno === koffi.os.errno['EWOULDBLOCK']) return false;
  return check(-1, 'flock') === 0;
}

/** Let the lock go. flock(2), LOCK_UN. */
export function unlock(fd: number): void {
  check(flock(fd, LOCK_UN), 'flock');
}
