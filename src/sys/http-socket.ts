/** What Node knows about the sockets of an http server and does not document. Seen alike in Node 20 to 26. */
import type { ServerResponse } from 'node:http';
import type { Server, ServerOpts, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * True when http has let go of a socket that it served: after Upgrade or CONNECT it belongs to the app.
 * Asking the parser costs nothing per request; a listener for 'upgrade' would make Node treat every such request as an upgrade.
 */
export function isUpgraded(socket: Duplex): boolean {
  return (socket as { parser?: unknown }).parser === null && !socket.destroyed;
}

/** The accepted TCP or unix socket under a server's TLS socket; undefined for one that has none under it. */
export function acceptedSocketOf(socket: Socket): Socket | undefined {
  return (socket as { _parent?: Socket | null })._parent ?? undefined;
}

/** The options for sockets that this server accepts, so that another one may accept for it. */
export function acceptOptionsOf(server: Server): ServerOpts {
  const { allowHalfOpen, noDelay, keepAlive, keepAliveInitialDelay } = server as ServerOpts;
  return defined({ allowHalfOpen, noDelay, keepAlive, keepAliveInitialDelay });
}

/**
 * Have all that `acceptor` accepts counted among the connections of `server`: for its `maxConnections` and 'drop', `getConnections` and 'close'.
 * Returns what is to be told of each such socket, which counts at its end where it was accepted.
 */
export function countAmong(server: Server, acceptor: Server): (socket: Socket) => void {
  const counting = server as Server & { _connections: number };
  Object.defineProperties(acceptor, {
    _connections: {
      get: () => counting._connections,
      set: (count: number) => {
        counting._connections = count;
      },
    },
    maxConnections: { get: () => server.maxConnections },
  });
  acceptor.on('drop', (data) => server.emit('drop', data));
  return (socket) => {
    (socket as Socket & { _server?: Server })._server = server;
  };
}

function defined(options: { readonly [name: string]: unknown }): ServerOpts {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** A header as it was sent, those that Node adds and those that were given to writeHead included; undefined before, and where there is none. */
export function sentHeader(response: ServerResponse, name: string): string | undefined {
  const head = (response as { _header?: string | null })._header;
  if (typeof head !== 'string') return undefined;
  const lines = head.split('\r\n').filter((line) => line.slice(0, name.length + 1).toLowerCase() === `${name}:`);
  return lines.length === 0 ? undefined : lines.map((line) => line.slice(name.length + 1).trim()).join(', ');
}
