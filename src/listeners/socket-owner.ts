/** Whose the file of a unix socket is to be (master). */
import { chownSync, closeSync, constants, fstatSync, lchownSync, openSync } from 'node:fs';
import { groupId, userId } from '../sys/accounts.js';
import type { Access, UnixAddress } from './address.js';
import { refusal } from './complaints.js';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Undefined where the setting names nobody. Throws HoldfastError: there is no such user or group. */
export function ownerOf({ path, access }: UnixAddress): Owner | undefined {
  if (access?.user === undefined && access?.group === undefined) return undefined;
  return { uid: numberOf('user', access, userId, path), gid: numberOf('group', access, groupId, path) };
}

/** The number above it is (uid_t) -1. */
const MOST_ID = 2 ** 32 - 2;

/** -1 leaves it as it is. chown(2). */
function numberOf(kind: 'user' | 'group', access: Access, find: (name: string) => number | undefined, path: string): number {
  const name = access[kind];
  if (name === undefined) return -1;
  const id = /^\d+$/.test(name) ? Number(name) : find(name);
  if (id === undefined || id > MOST_ID) throw refusal(`unix:${path}`, `there is no ${kind} "${name}"`);
  return id;
}

/** open(2), O_PATH: a handle on the file and not on what it is; only Linux has it. */
const O_PATH = 0o10000000;

/**
 * Gives a draft away. By a handle and not by name, for who may write the directory can put another file under the name, a second one of /run/docker.sock say, and
 * root would give that away.
 */
export function give(draft: string, { uid, gid }: Owner): void {
  if (process.platform !== 'linux') return lchownSync(draft, uid, gid);
  const fd = openSync(draft, O_PATH | constants.O_NOFOLLOW);
  try {
    const stat = fstatSync(fd);
    if (!stat.isSocket() || stat.nlink !== 1 || stat.uid !== process.geteuid?.()) throw refusal(`unix:${draft}`, 'somebody replaced it');
    chownSync(`/proc/self/fd/${fd}`, uid, gid);
  } finally {
    closeSync(fd);
  }
}
