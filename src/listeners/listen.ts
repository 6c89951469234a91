/** From bound to listening (master). Nobody here accepts: the queue is the workers' affair. */
import * as sockets from '../sys/sockets.js';
import { parseLabel, type TcpAddress } from './address.js';
import { codeOf, complaint } from './complaints.js';
import type { Listener } from './listener.js';
import { publish } from './socket-file.js';
import { encodeName } from './socket-name.js';

/** Whether connections are queued there, whoever called listen(2). socket(7), SO_ACCEPTCONN */
export function isListening(listener: Listener): boolean {
  return sockets.getOption(listener.fd, sockets.C.SOL_SOCKET, sockets.C.SO_ACCEPTCONN, 4).some((byte) => byte !== 0);
}

/**
 * From now on connections are queued; then a unix path is renamed into place, so that nobody who finds it is refused.
 * A second call only changes the backlog.
 * @param backlog connections that may wait to be accepted; the kernel cuts it to net.core.somaxconn
 * @throws HoldfastError: another socket began to listen there since the bind. listen(2), rename(2)
 */
export function listen(listener: Listener, backlog: number): void {
  const address = parseLabel(listener.address);
  const bound = parseLabel(listener.bound);
  try {
    // Connections take it over, and without it those in TIME_WAIT would keep the next start from binding.
    if (bound !== undefined && 'port' in bound) sockets.setReuseAddress(listener.fd);
    sockets.listen(listener.fd, backlog);
    if (address?.is === 'unix' && listener.socketFile !== undefined) publish(address, listener.socketFile);
  } catch (error) {
    throw bound === undefined ? error : complaint(error, bound);
  }
}

/**
 * The same for one that somebody has shut down. A port that the kernel had chosen is lost by that, though getsockname(2) still tells it, and
 * listen(2) would choose another one.
 */
export function listenAgain(listener: Listener, backlog: number): void {
  const bound = parseLabel(listener.bound);
  if (bound !== undefined && 'port' in bound) bindAgain(listener.fd, bound);
  listen(listener, backlog);
}

function bindAgain(fd: number, address: TcpAddress): void {
  try {
    sockets.bind(fd, encodeName(address));
  } catch (error) {
    // It has its port.
    if (codeOf(error) !== 'EINVAL') throw complaint(error, address);
  }
}
