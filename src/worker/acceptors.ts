/** In the worker: the app's server accepts on the listeners that are its affair, though Node lets it listen on one only. */
import { once } from 'node:events';
import { createServer, Server, type Socket } from 'node:net';
import { acceptOptionsOf, countAmong } from '../sys/http-socket.js';

export interface Acceptors {
  /** Accept on these and on no others, but for the first of all, where the app's server itself listens: its 'close' would end the app. */
  serve(fds: readonly number[]): Promise<void>;
  /** Stop accepting, nothing else: connections live on, and what waits in the queues stays for the sockets' other holders. */
  stop(): void;
}

/**
 * Accept on inherited listening sockets.
 *
 * @param fds descriptors; the app's server listens on the first itself, so that its `address()` and 'listening' are as usual
 * @param backlog given to listen(2) again, which would otherwise set Node's 511
 * @param copy a second descriptor for one; Node closes what it has accepted on, and one that may be served again must stay
 * @throws the error of the first that cannot listen (EINVAL for a closed descriptor, ENOTSOCK); then none accepts
 */
export async function listenOn(server: Server, fds: readonly number[], backlog: number, copy = (fd: number) => fd): Promise<Acceptors> {
  const serving = new Map<number, Server>();
  const stop = (): void => serving.forEach(stopListening);
  try {
    await serve(fds);
  } catch (error) {
    stop();
    throw error;
  }
  return { serve, stop };

  async function serve(wanted: readonly number[]): Promise<void> {
    // One after the other: http sets up its time-outs when the first listens, and they must be there before a connection.
    for (const fd of wanted) if (!serving.has(fd)) await begin(fd);
    for (const [fd, acceptor] of serving) if (acceptor !== server && !wanted.includes(fd)) end(fd, acceptor);
  }

  async function begin(fd: number): Promise<void> {
    const acceptor = serving.size === 0 ? server : forwarderTo(server);
    serving.set(fd, acceptor);
    await listen(acceptor, copy(fd), backlog);
  }

  function end(fd: number, acceptor: Server): void {
    serving.delete(fd);
    stopListening(acceptor);
  }
}

async function listen(server: Server, fd: number, backlog: number): Promise<void> {
  const listening = once(server, 'listening');
  // The backlog by position: as an option beside a descriptor Node ignores it.
  server.listen({ fd }, backlog);
  await listening;
}

function forwarderTo(server: Server): Server {
  const acceptor = createServer(acceptOptionsOf(server));
  // Its 'close', at which apps close their databases, must wait for these, too.
  const counted = countAmong(server, acceptor);
  return acceptor.on('connection', (socket: Socket) => {
    counted(socket);
    server.emit('connection', socket);
  });
}

/** http's own `close` would close idle connections too. */
function stopListening(server: Server): void {
  Server.prototype.close.call(server);
}
