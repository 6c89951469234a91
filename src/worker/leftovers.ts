/** In the worker: what a drain's deadline finds still open. */
import { isUpgraded } from '../sys/http-socket.js';
import type { Connection } from './connections.js';

/** `closing`: answered with `Connection: close`, the client has not closed its side yet. `request head`: a part of one. */
export type ConnectionKind = 'idle' | 'unused' | 'request head' | 'exchange' | 'upgraded' | 'tls handshake' | 'closing';
export type Count = Readonly<Record<ConnectionKind, number>>;

/** Destroy all of them. How many there were of each kind. */
export function destroyAll(connections: Iterable<Connection>): Count {
  const count: Record<ConnectionKind, number> = { ...NONE };
  for (const connection of connections) {
    count[kindOf(connection)] += 1;
    connection.socket.destroy();
  }
  return count;
}

export const NONE: Count = { idle: 0, unused: 0, 'request head': 0, exchange: 0, upgraded: 0, 'tls handshake': 0, closing: 0 };

function kindOf(connection: Connection): ConnectionKind {
  const { socket, latest } = connection;
  if (!connection.ready) return 'tls handshake';
  if (isUpgraded(socket)) return 'upgraded';
  if (latest !== undefined && !(latest.closed && latest.req.complete)) return 'exchange';
  if (connection.closing) return 'closing';
  if (socket.bytesRead === 0) return 'unused';
  return socket.bytesRead > connection.bytesSeen ? 'request head' : 'idle';
}
