/** Sockets that neither accept nor are closed behind our back, as those of Node's own servers do and are (any role). */
import { setCloseOnExec } from './descriptors.js';
import { check, declare } from './libc.js';

/** Numbers of <sys/socket.h> and <netinet/in.h>, which differ between Linux and macOS. */
export const C =
  process.platform === 'darwin'
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
      };
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const IPPROTO_IPV6 = 41;

const c = {
  socket: declare('int socket(int domain, int type, int protocol)'),
  bind: declare('int bind(int fd, const uint8_t *address, uint32_t length)'),
  listen: declare('int listen(int fd, int backlog)'),
  connect: declare('int connect(int fd, const uint8_t *address, uint32_t length)'),
  setsockopt: declare('int setsockopt(int fd, int level, int name, const int *value, uint32_t length)'),
  getsockopt: declare('int getsockopt(int fd, int level, int name, uint8_t *value, _Inout_ uint32_t *length)'),
  getsockname: declare('int getsockname(int fd, uint8_t *address, _Inout_ uint32_t *length)'),
  getpeername: declare('int getpeername(int fd, uint8_t *address, _Inout_ uint32_t *length)'),
  poll: declare('int poll(uint8_t *fds, unsigned long count, int timeout)'),
};

/** A new stream socket, close-on-exec. socket(2). */
export function socket(family: number): number {
  return socketOf(family, SOCK_STREAM);
}

/** A new socket for datagrams, close-on-exec. socket(2). */
export function datagramSocket(family: number): number {
  return socketOf(family, SOCK_DGRAM);
}

function socketOf(family: number, type: number): number {
  const fd = check(c.socket(family, type, 0), 'socket');
  setCloseOnExec(fd);
  return fd;
}

/** bind(2) to an encoded socket address. */
export function bind(fd: number, address: Uint8Array): void {
  check(c.bind(fd, address, address.length), 'bind');
}

/** listen(2); on a socket that listens already it only changes the backlog. */
export function listen(fd: number, backlog: number): void {
  check(c.listen(fd, backlog), 'listen');
}

/** connect(2). Throws ECONNREFUSED, ENOENT, EAGAIN (a full queue, on a non-blocking socket), ... */
export function connect(fd: number, address: Uint8Array): void {
  check(c.connect(fd, address, address.length), 'connect');
}

/** SO_REUSEADDR: a port in TIME_WAIT may be bound again. It lets two sockets be bound to one port, but not listen on it. socket(7). */
export function setReuseAddress(fd: number, on = true): void {
  check(c.setsockopt(fd, C.SOL_SOCKET, C.SO_REUSEADDR, [on ? 1 : 0], 4), 'setsockopt');
}

/** SO_REUSEPORT: further sockets of this user that have it too may be bound to the same port, and listen. socket(7). */
export function setReusePort(fd: number): void {
  check(c.setsockopt(fd, C.SOL_SOCKET, C.SO_REUSEPORT, [1], 4), 'setsockopt');
}

/** IPV6_V6ONLY: `[::]` leaves the v4 addresses to others. ipv6(7). */
export function setV6Only(fd: number): void {
  check(c.setsockopt(fd, IPPROTO_IPV6, C.IPV6_V6ONLY, [1], 4), 'setsockopt');
}

/** A socket option's raw bytes, `size` at most. Throws ENOTSOCK, EBADF. getsockopt(2). */
export function getOption(fd: number, level: number, name: number, size: number): Buffer {
  const value = Buffer.alloc(size);
  const length = [size];
  check(c.getsockopt(fd, level, name, value, length), 'getsockopt');
  return value.subarray(0, length[0]);
}

/** The socket's own encoded address. Throws ENOTSOCK, EBADF. getsockname(2). */
export function getSocketName(fd: number): Buffer {
  const address = Buffer.alloc(128);
  const length = [address.length];
  check(c.getsockname(fd, address, length), 'getsockname');
  return address.subarray(0, Math.min(length[0] ?? 0, address.length));
}

/** Whether somebody is at the other end of a socket. getpeername(2). */
export function isConnected(fd: number): boolean {
  return c.getpeername(fd, Buffer.alloc(128), [128]) === 0;
}

/** Whether a read, or an accept on a listening socket, would not have to wait. poll(2). */
export function isReadable(fd: number): boolean {
  const events = polled(fd);
  return (events & POLLIN) !== 0 && (events & HUNG_UP) === 0;
}

/**
 * Whether somebody has shut a listening unix socket down, or its reading half: everybody is refused there, it is readable for ever, and nothing makes it listen again.
 * One that does not listen yet has hung up, too. poll(2), shutdown(2).
 */
export function isShut(fd: number): boolean {
  return (polled(fd) & HUNG_UP) !== 0 && getOption(fd, C.SOL_SOCKET, C.SO_ACCEPTCONN, 4).some((byte) => byte !== 0);
}

const POLLIN = 0x01;
const POLLHUP = 0x10;
/** For half of it, SHUT_RD, refuses everybody just as well; only Linux says so. */
const POLLRDHUP = process.platform === 'linux' ? 0x2000 : 0;
const HUNG_UP = POLLHUP | POLLRDHUP;

function polled(fd: number): number {
  // struct pollfd: int fd; short events; short revents.
  const entry = Buffer.from(new Uint8Array(new Int32Array([fd, 0]).buffer));
  entry.set(new Uint8Array(new Int16Array([POLLIN | POLLRDHUP]).buffer), 4);
  check(c.poll(entry, 1, 0), 'poll');
  return new Int16Array(new Uint8Array(entry).buffer)[3] ?? 0;
}
