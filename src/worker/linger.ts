/** In the worker, while it drains: closes a connection in stages (RFC 9112 9.6), so that no reset overtakes the last response. */
import { finished } from 'node:stream';
import { isUpgraded } from '../sys/http-socket.js';
import type { Connection } from './connections.js';

/** How long the client has, once everything is said and read, to close its side. Milliseconds; Apache waits as long. */
const LINGER = 2000;

/**
 * Node closes behind the last response at once. If the client is still sending (the rest of a body that was refused, further
 * pipelined requests), the kernel answers with a reset, and the response is lost. So: end our half, read the body to its end,
 * wait for the client's end, then close.
 */
export function lingerOnClose(connection: Connection): void {
  const { socket } = connection;
  const destroySoon = socket.destroySoon;
  socket.destroySoon = () => {
    if (isUpgraded(socket)) return destroySoon.call(socket);
    connection.closing = true;
    // When both halves have ended, the socket closes by itself.
    socket.end();
    const request = connection.latest?.req;
    if (request === undefined || request.complete) return destroyLater(connection);
    request.resume();
    finished(request, () => destroyLater(connection));
  };
}

function destroyLater({ socket }: Connection): void {
  const timer = setTimeout(() => socket.destroy(), LINGER);
  socket.once('close', () => clearTimeout(timer));
}
