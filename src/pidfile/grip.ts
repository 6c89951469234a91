/**
 * The test of liveness; runs in any process. A master holds flock on its pidfile's inode for life, and the kernel lets that go
 * the moment the holder is dead or a zombie, where kill(pid, 0) lies about zombies, reused pids and other users. flock(2).
 */
import { tryLock, unlock } from '../sys/file-lock.js';
import { monotonic } from '../sys/monotonic.js';

/** Says whether an open file is dead: true when its lock could be had. */
export type Grip = (fd: number) => boolean;

/**
 * Takes the lock and keeps it. Another process that looks at a dead file holds its lock too, for microseconds or until it is
 * scheduled again, which must not pass for life: so this one blocks for up to `ms` milliseconds before it says that somebody lives.
 */
export function lockWithin(ms: number): Grip {
  return (fd) => {
    const deadline = monotonic() + ms;
    for (;;) {
      if (tryLock(fd)) return true;
      if (monotonic() >= deadline) return false;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  };
}

/** As `lockWithin`, and lets go at once: for who only wants to know. */
export function glanceWithin(ms: number): Grip {
  const lock = lockWithin(ms);
  return (fd) => {
    if (!lock(fd)) return false;
    unlock(fd);
    return true;
  };
}
