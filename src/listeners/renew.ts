/**
 * Unix sockets that nobody can reach (master): somebody removed the path, and a socket cannot be given a name again; or a worker shut the socket
 * down, which cannot be taken back. unix(7), shutdown(2)
 */

import * as libc from '../sys/libc.js';
import { type Address, parseLabel } from './address.js';
import { bindNow } from './bind.js';
import type { Listener } from './listener.js';
import { hasPath } from './socket-file.js';

/** Why nobody can reach it, if it is so. */
export function lossOf(listener: Listener): string | undefined {
  const address = parseLabel(listener.address);
  if (address?.is !== 'unix' || listener.socketFile === undefined) return undefined;
  if (!hasPath(address.path, listener.socketFile)) return 'its file was removed';
  return libc.isShut(listener.fd) ? 'somebody had shut it down' : undefined;
}

/**
 * Another socket for the path of one that nobody can reach. It listens, but has a draft name until `listen` publishes it; the old one may still have
 * connections in its queue.
 * @param asked the address that was asked for, with the mode and the owner that the label does not say
 * @returns undefined where nothing is to be done: the socket can be reached, or is none with a path of ours
 * @throws HoldfastError as bindListener does: somebody else answers there, no directory
 */
export function renewListener(listener: Listener, asked: Address | undefined, backlog: number): Listener | undefined {
  const address = parseLabel(listener.address);
  if (address?.is !== 'unix' || lossOf(listener) === undefined) return undefined;
  const fresh = bindNow(asked?.is === 'unix' ? asked : address);
  libc.listen(fresh.fd, backlog);
  return fresh;
}
