/** Connections that nobody has accepted yet (master, before it lets an address go). */
import { getOption, isReadable } from '../sys/sockets.js';
import type { Listener } from './listener.js';

const IPPROTO_TCP = 6;
const TCP_INFO = 11;
/** tcpi_unacked, which for a listening socket is the length of its queue. tcp(7), <linux/tcp.h> */
const UNACKED_AT = 24;
const LENGTH = 28;

/** How many connections wait. Exact for TCP on Linux; elsewhere 1 stands for one or more. 0 for a socket that does not listen. */
export function queueLength(listener: Listener): number {
  const tcp = process.platform === 'linux' && !listener.bound.startsWith('unix:');
  return tcp ? unaccepted(listener.fd) : Number(isReadable(listener.fd));
}

function unaccepted(fd: number): number {
  const info = getOption(fd, IPPROTO_TCP, TCP_INFO, LENGTH);
  return new Uint32Array(new Uint8Array(info.subarray(UNACKED_AT, LENGTH)).buffer)[0] ?? 0;
}
