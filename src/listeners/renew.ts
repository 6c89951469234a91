/** Unix sockets whose path somebody removed (master): the socket lives, and nobody finds it. A socket cannot be given a name again. unix(7) */
import * as sockets from '../sys/sockets.js';
import { type Address, parseLabel } from './address.js';
import { bindNow } from './bind.js';
import type { Listener } from './listener.js';
import { hasPath } from './socket-file.js';

/**
 * Another socket for the path of one that has lost it. It listens, but has a draft name until `listen` publishes it; the old one may still have
 * connections in its queue.
 * @param asked the address that was asked for, with the mode and the owner that the label does not say
 * @returns undefined where nothing is to be done: the socket has its path, or is none with a path of ours
 * @throws HoldfastError as bindListener does: somebody else answers there, no directory
 */
export function renewListener(listener: Listener, asked: Address | undefined, backlog: number): Listener | undefined {
  const address = parseLabel(listener.address);
  if (address?.is !== 'unix' || listener.socketFile === undefined || hasPath(address.path, listener.socketFile)) return undefined;
  const fresh = bindNow(asked?.is === 'unix' ? asked : address);
  sockets.listen(fresh.fd, backlog);
  return fresh;
}
