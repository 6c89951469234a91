/** Rights that Linux gives to each thread (a master that root started). credentials(7), capabilities(7). */
import { check, declare } from './libc.js';

const c = {
  capget: declare('int capget(uint8_t *header, uint8_t *data)'),
  capset: declare('int capset(uint8_t *header, const uint8_t *data)'),
  setfsuid: declare('int setfsuid(uint32_t uid)'),
  setfsgid: declare('int setfsgid(uint32_t gid)'),
  // The one of libc changes all threads.
  setgroups: declare('long syscall(long number, size_t count, const uint32_t *groups)'),
};

/** SYS_setgroups of <sys/syscall.h>. */
const SETGROUPS: ReadonlyMap<string, number> = new Map([
  ['x64', 116],
  ['arm64', 159],
]);

export interface FileRights {
  readonly uid: number;
  readonly gid: number;
  /** The supplementary ones. */
  readonly groups: readonly number[];
}

/** _LINUX_CAPABILITY_VERSION_3: two sets of three words, effective, permitted and inheritable. */
const CAPABILITY_VERSION = 0x20080522;

/**
 * Of this thread, and so of every process that it starts: no inheritable capability, which a change of the user would leave. capset(2).
 * Where there are none, or no such call, nothing happens.
 */
export function clearInheritable(): void {
  if (process.platform !== 'linux') return;
  const header = new Uint8Array(new Uint32Array([CAPABILITY_VERSION, 0]).buffer);
  const sets = new Uint32Array(6);
  const bytes = new Uint8Array(sets.buffer);
  check(c.capget(header, bytes), 'capget');
  if (sets[2] === 0 && sets[5] === 0) return;
  sets[2] = 0;
  sets[5] = 0;
  check(c.capset(header, bytes), 'capset');
}

/**
 * Runs `act` with the rights of somebody as far as files go; this thread alone, so do no asynchronous work in it. setfsuid(2), credentials(7).
 * Undefined where that cannot be done: not on Linux, or not root.
 */
export function withFileRightsOf<T>({ uid, gid, groups }: FileRights, act: () => T): T | undefined {
  const call = SETGROUPS.get(process.arch);
  if (process.platform !== 'linux' || call === undefined) return undefined;
  const own = process.getgroups?.() ?? [];
  if (c.setgroups(call, groups.length, groups) !== 0) return undefined;
  // Neither says whether it worked; the next call says what is in force.
  const group = c.setfsgid(gid);
  const user = c.setfsuid(uid);
  try {
    const worked = c.setfsuid(uid) === uid && c.setfsgid(gid) === gid;
    return worked ? act() : undefined;
  } finally {
    c.setfsuid(user);
    c.setfsgid(group);
    check(c.setgroups(call, own.length, own), 'setgroups');
  }
}
