/** Another socket in the place of one that cannot be reached any more (master). */
import * as sockets from '../sys/sockets.js';
import { type Address, parseLabel } from './address.js';
import { bindNow } from './bind.js';
import { closeListener } from './close.js';
import { refusal } from './complaints.js';
import { listen } from './listen.js';
import type { Listener } from './listener.js';
import { hasPath } from './socket-file.js';

/**
 * For the path of a unix socket that has lost it: that lives, and nobody finds it; it cannot be given a name again. unix(7). It listens, but has a draft name until `listen` publishes it; the old one may still have
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

/**
 * For the address of a listener that was closed, the port included that it was given. It listens.
 * @param asked as above
 * @throws HoldfastError as bindListener does; what somebody else had opened (`fd://3`) cannot be had again
 */
export function reopenListener({ address, bound }: Listener, asked: Address | undefined, backlog: number): Listener {
  const target = asked?.is === 'unix' ? asked : parseLabel(bound);
  if (target === undefined || address.startsWith('fd:')) throw refusal(address, 'it was closed, and was not opened here');
  const listener = { ...bindNow(target), address };
  try {
    listen(listener, backlog);
    return listener;
  } catch (error) {
    closeListener(listener);
    throw error;
  }
}
