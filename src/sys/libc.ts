/**
 * Every call into the C library. Node offers no way to bind a socket without accepting on it, to make a pipe, or to lock a file;
 * these functions do, and throw what Node's own would: an Error with `code`, `errno` and `syscall`.
 */
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

const darwin = process.platform === 'darwin';
const libc = koffi.load(null);

/** Numbers of <sys/socket.h>, <netinet/in.h> and <fcntl.h>, which differ between Linux and macOS. */
export const C = darwin
  ? {
      AF_UNIX: 1,
      AF_INET: 2,
      AF_INET6: 30,
      SOL_SOCKET: 0xffff,
      SO_REUSEADDR: 4,
      SO_REUSEPORT: 0x200,
      SO_TYPE: 0x1008,
      SO_ACCEPTCONN: 2,
      IPV6_V6ONLY: 27,
      O_NONBLOCK: 4,
      F_DUPFD_CLOEXEC: 67,
    }
  : {
      AF_UNIX: 1,
      AF_INET: 2,
      AF_INET6: 10,
      SOL_SOCKET: 1,
      SO_REUSEADDR: 2,
      SO_REUSEPORT: 15,
      SO_TYPE: 3,
      SO_ACCEPTCONN: 30,
      IPV6_V6ONLY: 26,
      O_NONBLOCK: 0o4000,
      F_DUPFD_CLOEXEC: 1030,
    };
const SOCK_STREAM = 1;
const IPPROTO_IPV6 = 41;
const [F_GETFD, F_SETFD, F_GETFL, F_SETFL, FD_CLOEXEC] = [1, 2, 3, 4, 1];
const [LOCK_EX, LOCK_NB, LOCK_UN] = [2, 4, 8];

const f = {
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  bind: libc.func('int bind(int fd, const uint8_t *address, uint32_t length)'),
  listen: libc.func('int listen(int fd, int backlog)'),
  connect: libc.func('int connect(int fd, const uint8_t *address, uint32_t length)'),
  setsockopt: libc.func('int setsockopt(int fd, int level, int name, const int *value, uint32_t length)'),
  getsockopt: libc.func('int getsockopt(int fd, int level, int name, uint8_t *value, _Inout_ uint32_t *length)'),
  getsockname: libc.func('int getsockname(int fd, uint8_t *address, _Inout_ uint32_t *length)'),
  getpeername: libc.func('int getpeername(int fd, uint8_t *address, _Inout_ uint32_t *length)'),
  poll: libc.func('int poll(uint8_t *fds, unsigned long count, int timeout)'),
  getpwnam: libc.func('void *getpwnam(const char *name)'),
  getpwuid: libc.func('void *getpwuid(uint32_t uid)'),
  getgrnam: libc.func('void *getgrnam(const char *name)'),
  getgrouplist: libc.func('int getgrouplist(const char *user, uint32_t group, uint32_t *groups, _Inout_ int *count)'),
  fcntl: libc.func('int fcntl(int fd, int command, ...)'),
  flock: libc.func('int flock(int fd, int operation)'),
  pipe: libc.func('int pipe(_Out_ int *fds)'),
  dup2: libc.func('int dup2(int from, int to)'),
  setpgid: libc.func('int setpgid(int pid, int group)'),
  waitid: libc.func('int waitid(int type, uint32_t id, uint8_t *info, int options)'),
  waitpid: libc.func('int waitpid(int pid, int *status, int options)'),
  ...(darwin ? {} : { prctl: libc.func('int prctl(int option, ...)') }),
};

/** Only Linux has them. */
const linux = darwin
  ? undefined
  : {
      capget: libc.func('int capget(uint8_t *header, uint8_t *data)'),
      capset: libc.func('int capset(uint8_t *header, const uint8_t *data)'),
      setfsuid: libc.func('int setfsuid(uint32_t uid)'),
      setfsgid: libc.func('int setfsgid(uint32_t gid)'),
    };

/** struct passwd; what macOS has in the middle is skipped. */
const passwd = koffi.struct({
  name: 'const char *',
  password: 'const char *',
  uid: 'uint32_t',
  gid: 'uint32_t',
  ...(darwin ? { change: 'int64_t', class: 'const char *' } : {}),
  gecos: 'const char *',
  home: 'const char *',
  shell: 'const char *',
});

function check(result: number, syscall: string): number {
  if (result >= 0) return result;
  const errno = koffi.errno();
  const code = getSystemErrorName(-errno);
  throw Object.assign(new Error(`${syscall}: ${code}`), { code, errno, syscall });
}

/** A new stream socket, close-on-exec. socket(2). */
export function socket(family: number): number {
  const fd = check(f.socket(family, SOCK_STREAM, 0), 'socket');
  setCloseOnExec(fd);
  return fd;
}

/** bind(2) to an encoded socket address. */
export function bind(fd: number, address: Uint8Array): void {
  check(f.bind(fd, address, address.length), 'bind');
}

/** listen(2); on a socket that listens already it only changes the backlog. */
export function listen(fd: number, backlog: number): void {
  check(f.listen(fd, backlog), 'listen');
}

/** connect(2). Throws ECONNREFUSED, ENOENT, EAGAIN (a full queue, on a non-blocking socket), ... */
export function connect(fd: number, address: Uint8Array): void {
  check(f.connect(fd, address, address.length), 'connect');
}

/** SO_REUSEADDR: a port in TIME_WAIT may be bound again. It lets two sockets be bound to one port, but not listen on it. socket(7). */
export function setReuseAddress(fd: number, on = true): void {
  check(f.setsockopt(fd, C.SOL_SOCKET, C.SO_REUSEADDR, [on ? 1 : 0], 4), 'setsockopt');
}

/** SO_REUSEPORT: further sockets of this user that have it too may be bound to the same port, and listen. socket(7). */
export function setReusePort(fd: number): void {
  check(f.setsockopt(fd, C.SOL_SOCKET, C.SO_REUSEPORT, [1], 4), 'setsockopt');
}

/** IPV6_V6ONLY: `[::]` leaves the v4 addresses to others. ipv6(7). */
export function setV6Only(fd: number): void {
  check(f.setsockopt(fd, IPPROTO_IPV6, C.IPV6_V6ONLY, [1], 4), 'setsockopt');
}

/** A socket option's raw bytes, `size` at most. Throws ENOTSOCK, EBADF. getsockopt(2). */
export function getOption(fd: number, level: number, name: number, size: number): Buffer {
  const value = Buffer.alloc(size);
  const length = [size];
  check(f.getsockopt(fd, level, name, value, length), 'getsockopt');
  return value.subarray(0, length[0]);
}

/** The socket's own encoded address. Throws ENOTSOCK, EBADF. getsockname(2). */
export function getSocketName(fd: number): Buffer {
  const address = Buffer.alloc(128);
  const length = [address.length];
  check(f.getsockname(fd, address, length), 'getsockname');
  return address.subarray(0, Math.min(length[0] ?? 0, address.length));
}

/** Whether somebody is at the other end of a socket. getpeername(2). */
export function isConnected(fd: number): boolean {
  return f.getpeername(fd, Buffer.alloc(128), [128]) === 0;
}

/** Whether a read, or an accept on a listening socket, would not have to wait. poll(2). */
export function isReadable(fd: number): boolean {
  const POLLIN = 1;
  // struct pollfd: int fd; short events; short revents.
  const entry = Buffer.from(new Uint8Array(new Int32Array([fd, 0]).buffer));
  entry.set(new Uint8Array(new Int16Array([POLLIN]).buffer), 4);
  // A socket that does not listen answers with POLLHUP.
  return check(f.poll(entry, 1, 0), 'poll') > 0 && ((new Int16Array(new Uint8Array(entry).buffer)[3] ?? 0) & POLLIN) !== 0;
}

/** The uid of a name, wherever the system keeps its users; undefined when there is none. getpwnam(3). */
export function userId(name: string): number | undefined {
  return idBehindTwoPointers(f.getpwnam(name));
}

/** The gid of a group's name; undefined when there is none. getgrnam(3). */
export function groupId(name: string): number | undefined {
  return idBehindTwoPointers(f.getgrnam(name));
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
  const entry: unknown = typeof user === 'string' ? f.getpwnam(user) : f.getpwuid(user);
  if (entry === null) return undefined;
  const { name, uid, gid, home, shell } = koffi.decode(entry, passwd) as Account;
  return { name, uid, gid, home: home ?? '', shell: shell ?? '' };
}

/** All groups that a user logs in with, `gid` among them. getgrouplist(3). */
export function groupsOf(name: string, gid: number): number[] {
  for (let room = 64; ; room *= 4) {
    const groups = Buffer.alloc(room * 4);
    const count = [room];
    if (f.getgrouplist(name, gid, groups, count) < 0) continue;
    return Array.from({ length: count[0] ?? 0 }, (_, at) => groups.readUInt32LE(at * 4));
  }
}

/** struct passwd and struct group both begin with the name, the password and the number, everywhere. */
function idBehindTwoPointers(entry: unknown): number | undefined {
  return entry === null ? undefined : Number(koffi.decode(entry, 2 * koffi.sizeof('void *'), 'uint32_t'));
}

/** Mark a descriptor so that no process started later inherits it by accident. fcntl(2), FD_CLOEXEC. */
export function setCloseOnExec(fd: number): void {
  control(fd, F_SETFD, control(fd, F_GETFD) | FD_CLOEXEC);
}

/** Reads of this open file description return EAGAIN instead of waiting, for every holder. fcntl(2), O_NONBLOCK. */
export function setNonBlocking(fd: number): void {
  control(fd, F_SETFL, control(fd, F_GETFL) | C.O_NONBLOCK);
}

/** What a command of fcntl(2) answers; its argument is a number. */
function control(fd: number, command: number, argument = 0): number {
  return check(f.fcntl(fd, command, 'int', argument), 'fcntl');
}

/**
 * From now on, and until the last copy of this descriptor is closed, a process is killed when nobody holds the writing end of that pipe any more,
 * or when somebody writes: by the kernel, for one that is stuck could not do so itself. It must not have been waited for, or its pid may be
 * another's. Linux. Throws ENOSYS elsewhere. fcntl(2), O_ASYNC, F_SETSIG; pipe(7).
 */
export function killAtEnd(fd: number, pid: number): void {
  if (darwin) throw Object.assign(new Error('fcntl: ENOSYS'), { code: 'ENOSYS', syscall: 'fcntl' });
  const [F_SETOWN, F_SETSIG, O_ASYNC, SIGKILL] = [8, 10, 0o20000, 9];
  control(fd, F_SETOWN, pid);
  control(fd, F_SETSIG, SIGKILL);
  control(fd, F_SETFL, control(fd, F_GETFL) | O_ASYNC);
}

/** Lock the file for as long as this open file description lives. False when somebody else holds the lock. flock(2). */
export function tryLock(fd: number): boolean {
  if (f.flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const errno = koffi.errno();
  if (errno === koffi.os.errno['EWOULDBLOCK']) return false;
  return check(-1, 'flock') === 0;
}

/** Let the lock go. flock(2), LOCK_UN. */
export function unlock(fd: number): void {
  check(f.flock(fd, LOCK_UN), 'flock');
}

/** A pipe, close-on-exec at both ends. pipe(2). */
export function pipe(): { readonly reading: number; readonly writing: number } {
  const fds = [0, 0];
  check(f.pipe(fds), 'pipe');
  const [reading, writing] = fds as [number, number];
  setCloseOnExec(reading);
  setCloseOnExec(writing);
  return { reading, writing };
}

/** Another descriptor for the same open file, close-on-exec. Throws EMFILE, EBADF. fcntl(2), F_DUPFD_CLOEXEC. */
export function duplicate(fd: number): number {
  return control(fd, C.F_DUPFD_CLOEXEC);
}

/** Make `to` a copy of `from` that an exec keeps. dup2(2). */
export function duplicateOnto(from: number, to: number): void {
  check(f.dup2(from, to), 'dup2');
}

/** Become the leader of a new process group of this session. Does nothing for who leads one already. Throws EPERM for the leader of the session. setpgid(2). */
export function newGroup(): void {
  check(f.setpgid(0, 0), 'setpgid');
}

/** The standard output and the standard error are that file from now on, here and in whoever is started later. */
export function pointStreamsAt(fd: number): void {
  for (const stream of [1, 2]) duplicateOnto(fd, stream);
}

/** Orphans among our descendants become our children, instead of process 1's. Linux; elsewhere nothing. PR_SET_CHILD_SUBREAPER, prctl(2). */
export function adoptOrphans(): void {
  const PR_SET_CHILD_SUBREAPER = 36;
  if (f.prctl !== undefined) check(f.prctl(PR_SET_CHILD_SUBREAPER, 'unsigned long', 1), 'prctl');
}

/** The pid of a child that has ended, which stays to be waited for; 0 if none has; undefined if there is no child. waitid(2), WNOWAIT. */
export function endedChild(): number | undefined {
  const [P_ALL, WNOHANG, WEXITED, WNOWAIT] = [0, 1, 4, darwin ? 0x20 : 0x0100_0000];
  const info = Buffer.alloc(128);
  // ECHILD, and nothing else can go wrong.
  if (f.waitid(P_ALL, 0, info, WNOHANG | WEXITED | WNOWAIT) < 0) return undefined;
  // siginfo_t: three numbers and, where a pointer has eight bytes, a gap; on macOS there is none.
  const number = darwin || koffi.sizeof('void *') === 4 ? 3 : 4;
  return new Int32Array(info.buffer, info.byteOffset, number + 1)[number];
}

/** Take the exit status of a child that has ended, so that it is no zombie. waitpid(2). */
export function reapChild(pid: number): void {
  check(f.waitpid(pid, null, 1), 'waitpid');
}
/** _LINUX_CAPABILITY_VERSION_3: two sets of three words, effective, permitted and inheritable. */
const CAPABILITY_VERSION = 0x20080522;

/**
 * Of this thread, and so of every process that it starts: no inheritable capability, which a change of the user would leave. capset(2).
 * Where there are none, or no such call, nothing happens.
 */
export function clearInheritable(): void {
  if (linux === undefined) return;
  const header = new Uint8Array(new Uint32Array([CAPABILITY_VERSION, 0]).buffer);
  const sets = new Uint32Array(6);
  const bytes = new Uint8Array(sets.buffer);
  check(linux.capget(header, bytes), 'capget');
  if (sets[2] === 0 && sets[5] === 0) return;
  sets[2] = 0;
  sets[5] = 0;
  check(linux.capset(header, bytes), 'capset');
}

/**
 * Runs `act` with the rights of a user and a group as far as files go; this thread alone, so do no asynchronous work in it. The supplementary
 * groups stay what they are. setfsuid(2). Undefined where that cannot be done: not on Linux, or not root.
 */
export function withFileRightsOf<T>(uid: number, gid: number, act: () => T): T | undefined {
  if (linux === undefined) return undefined;
  // Neither says whether it worked; the next call says what is in force.
  const group = linux.setfsgid(gid);
  const user = linux.setfsuid(uid);
  try {
    const worked = linux.setfsuid(uid) === uid && linux.setfsgid(gid) === gid;
    return worked ? act() : undefined;
  } finally {
    linux.setfsuid(user);
    linux.setfsgid(group);
  }
}
