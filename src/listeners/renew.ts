/**
 * Another socket in the place of one that nobody can reach any more (master): somebody removed a unix socket's path, and it cannot be given a name
 * again; or a worker shut it down, which cannot be taken back; or it was closed. unix(7), shutdown(2)
 */
import * as sockets from '../sys/sockets.js';
import { type Address, parseLabel } from './address.js';
import { bindInstead, bindNow } from './bind.js';
import { closeListener } from './close.js';
import { refusal } from './complaints.js';
import { listen } from './listen.js';
import type { Listener, SocketFile } from './listener.js';
import { hasPath, isFree } from './socket-file.js';

/** Nothing waits there any more, and nobody can be given it to serve: its queue was reset, and it is readable for ever. */
export const SHUT_DOWN = 'somebody had shut it down';

/** Why nobody can reach it, if it is so. */
export function lossOf(listener: Listener): string | undefined {
  const address = parseLabel(listener.address);
  if (address?.is !== 'unix' || listener.socketFile === undefined) return undefined;
  // First, for nobody may be given such a one to serve, whether its file is there or not.
  if (sockets.isShut(listener.fd)) return SHUT_DOWN;
  return hasPath(address.path, listener.socketFile) ? undefined : 'its file was removed';
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
  sockets.listen(fresh.fd, backlog);
  return fresh;
}

/**
 * For a path that another master had given back, and on which its workers accept, or which it has removed again when it left: another socket, which
 * listens and has a draft name until `listen` publishes it.
 * @param heir that master's file
 * @returns undefined where the path leads to somebody else
 * @throws HoldfastError as bindListener does
 */
export function reclaimListener(
  { address: label }: Listener,
  asked: Address | undefined,
  backlog: number,
  heir: SocketFile,
): Listener | undefined {
  const address = asked?.is === 'unix' ? asked : parseLabel(label);
  if (address?.is !== 'unix' || !(hasPath(address.path, heir) || isFree(address.path))) return undefined;
  const fresh = bindInstead(address, heir);
  sockets.listen(fresh.fd, backlog);
  return { ...fresh, address: label };
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
