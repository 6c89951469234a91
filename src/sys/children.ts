/** Children that Node does not know of (keeper). */
import { check, declare, POINTER_SIZE } from './libc.js';

const darwin = process.platform === 'darwin';

const c = {
  prctl: declare('int prctl(int option, ...)'),
  waitid: declare('int waitid(int type, uint32_t id, uint8_t *info, int options)'),
  waitpid: declare('int waitpid(int pid, int *status, int options)'),
};

/** Orphans among our descendants become our children, instead of process 1's. Linux; elsewhere nothing. PR_SET_CHILD_SUBREAPER, prctl(2). */
export function adoptOrphans(): void {
  const PR_SET_CHILD_SUBREAPER = 36;
  if (process.platform === 'linux') check(c.prctl(PR_SET_CHILD_SUBREAPER, 'unsigned long', 1), 'prctl');
}

/** The pid of a child that has ended, which stays to be waited for; 0 if none has; undefined if there is no child. waitid(2), WNOWAIT. */
export function endedChild(): number | undefined {
  const [P_ALL, WNOHANG, WEXITED, WNOWAIT] = [0, 1, 4, darwin ? 0x20 : 0x0100_0000];
  const info = Buffer.alloc(128);
  // ECHILD, and nothing else can go wrong.
  if (c.waitid(P_ALL, 0, info, WNOHANG | WEXITED | WNOWAIT) < 0) return undefined;
  // siginfo_t: three numbers and, where a pointer has eight bytes, a gap; on macOS there is none.
  const number = darwin || POINTER_SIZE === 4 ? 3 : 4;
  return new Int32Array(info.buffer, info.byteOffset, number + 1)[number];
}

/** Take the exit status of a child that has ended, so that it is no zombie. waitpid(2). */
export function reapChild(pid: number): void {
  check(c.waitpid(pid, null, 1), 'waitpid');
}
