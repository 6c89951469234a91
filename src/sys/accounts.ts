/** Users and groups, wherever the system keeps them (any role). */
import { declare, numberAt, POINTER_SIZE, structAt } from './libc.js';

const c = {
  getpwnam: declare<unknown>('void *getpwnam(const char *name)'),
  getpwuid: declare<unknown>('void *getpwuid(uint32_t uid)'),
  getgrnam: declare<unknown>('void *getgrnam(const char *name)'),
  getgrouplist: declare('int getgrouplist(const char *user, uint32_t group, uint32_t *groups, _Inout_ int *count)'),
};

/** struct passwd; what macOS has in the middle is skipped. */
const PASSWD = {
  name: 'const char *',
  password: 'const char *',
  uid: 'uint32_t',
  gid: 'uint32_t',
  ...(process.platform === 'darwin' ? { change: 'int64_t', class: 'const char *' } : {}),
  gecos: 'const char *',
  home: 'const char *',
  shell: 'const char *',
};

/** The uid of a name; undefined when there is none. getpwnam(3). */
export function userId(name: string): number | undefined {
  return idBehindTwoPointers(c.getpwnam(name));
}

/** The gid of a group's name; undefined when there is none. getgrnam(3). */
export function groupId(name: string): number | undefined {
  return idBehindTwoPointers(c.getgrnam(name));
}

/** An entry of the user database. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  /** The group that it logs in with. */
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** By name or by uid; undefined when there is none. getpwnam(3). */
export function findAccount(user: string | number): Account | undefined {
  const entry: unknown = typeof user === 'string' ? c.getpwnam(user) : c.getpwuid(user);
  if (entry === null) return undefined;
  const { name, uid, gid, home, shell } = structAt<Account>(entry, PASSWD);
  return { name, uid, gid, home: home ?? '', shell: shell ?? '' };
}

/** All groups that a user logs in with, `gid` among them. getgrouplist(3). */
export function groupsOf(name: string, gid: number): number[] {
  for (let room = 64; ; room *= 4) {
    const groups = Buffer.alloc(room * 4);
    const count = [room];
    if (c.getgrouplist(name, gid, groups, count) < 0) continue;
    return Array.from({ length: count[0] ?? 0 }, (_, at) => groups.readUInt32LE(at * 4));
  }
}

/** struct passwd and struct group both begin with the name, the password and the number, everywhere. */
function idBehindTwoPointers(entry: unknown): number | undefined {
  return entry === null ? undefined : numberAt(entry, 2 * POINTER_SIZE);
}
