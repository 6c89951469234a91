/** In the worker: the app's server accepts on every listener that the worker inherited, though Node lets it listen on one only. */
import { once } from 'node:events';
import { createServer, Server, type Socket } from 'node:net';
import { acceptOptionsOf } from '../sys/http-socket.js';

export interface Acceptors {
  /** Stop accepting, nothing else: connections live on, and what waits in the queues stays for the sockets' other holders. */
  stop(): void;
}

/**
 * Accept on inherited listening sockets.
 *
 * @param fds descriptors; the app's server listens on the first itself, so that its `address()` and 'listening' are as usual
 * @param backlog given to listen(2) again, which would otherwise set Node's 511
 * @throws the error of the first that cannot listen (EINVAL for a closed descriptor, ENOTSOCK); then none accepts
 */
export async function listenOn(server: Server, fds: readonly number[], backlog: number): Promise<Acceptors> {
  const servers = fds.map((_, index) => (index === 0 ? server : forwarderTo(server)));
  const stop = (): void => servers.forEach(stopListening);
  try {
    // One after the other: http sets up its time-outs when the first listens, and they must be there before a connection.
    for (const [index, each] of servers.entries()) await listen(each, fds[index], backlog);
  } catch (error) {
    stop();
    throw error;
  }
  return { stop };
}

async function listen(server: Server, fd: number | undefined, backlog: number): Promise<void> {
  const listening = once(server, 'listening');
  // The backlog by position: as an option beside a descriptor Node ignores it.
  server.listen({ fd }, backlog);
  await listening;
}

function forwarderTo(server: Server): Server {
  return createServer(acceptOptionsOf(server), (socket: Socket) => server.emit('connection', socket));
}

/** http's own `close` would close idle connections too. */
function stopListening(server: Server): void {
  Server.prototype.close.call(server);
}
