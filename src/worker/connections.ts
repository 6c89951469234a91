/** In the worker: which connections are open, and the latest exchange on each. A request costs 40 ns. */
import { subscribe } from 'node:diagnostics_channel';
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { acceptedSocketOf } from '../sys/http-socket.js';
import { monotonic } from '../sys/monotonic.js';
import { Bag, type Member } from './bag.js';
import { isHttpsServer } from './https-server.js';

/** A server that speaks HTTP/1.1. */
export type Server = HttpServer | HttpsServer;
export type Response = ServerResponse<IncomingMessage>;

const CONNECTION = Symbol('holdfast.connection');
type Tracked = Duplex & { [CONNECTION]?: Connection };

export class Connection implements Member {
  /** The socket that requests come on: the accepted one, or the TLS socket over it once its handshake is done. */
  socket: Socket;
  /** False as long as a TLS handshake is under way. */
  ready: boolean;
  requests = 0;
  /** The last exchange: until its response is written and its request read, both to the end. */
  latest: Response | undefined;
  /** It has said `Connection: close`, or says nothing more: whatever else comes must not be processed (RFC 9112 9.6). */
  closing = false;
  /** How many bytes the last finished exchange, or one before it, accounts for. Kept up to date by a drain only. */
  bytesSeen = 0;
  /** Milliseconds of the monotonic clock. */
  readonly acceptedAt = monotonic();
  at = 0;

  constructor(
    readonly accepted: Socket,
    readonly owner: Connections,
  ) {
    this.socket = accepted;
    this.ready = !owner.secure;
  }
}

export class Connections {
  readonly open = new Bag<Connection>();
  readonly secure: boolean;
  /** Responses written to their end since the start, on all connections. */
  answered = 0;
  /** Requests until `#counted`; below 1 nobody counts. */
  #left = 0;
  #counted = (): void => {};
  /** Called for each connection that becomes ready for its first request. */
  onReady: ((connection: Connection) => void) | undefined;
  /** Called when the last connection is gone. */
  onEmpty: (() => void) | undefined;

  constructor(readonly server: Server) {
    this.secure = isHttpsServer(server);
    server.prependListener('connection', (socket: Socket) => this.#accept(socket));
    // Before http's own listener: it emits what the first bytes hold from within the handshake's last callback.
    if (this.secure) server.prependListener('secureConnection', (socket: TLSSocket) => this.#secure(socket));
  }

  get size(): number {
    return this.open.size;
  }

  /** Have `reached` called, once, within the request that is so many from here; 0 for never. */
  count(requests: number, reached: () => void): void {
    this.#left = requests;
    this.#counted = reached;
  }

  /** A request begins. */
  began(): void {
    if (this.#left > 0 && --this.#left === 0) this.#counted();
  }

  /** Also one that the app hands over: of a server of its own, after CONNECT or Upgrade a second time, or TLS over such a one. */
  #accept(socket: Socket): void {
    if (connectionOf(socket)?.owner === this) return;
    if (this.#wrap(socket)) return;
    const connection = new Connection(socket, this);
    this.open.add(connection);
    (socket as Tracked)[CONNECTION] = connection;
    socket.on('close', closed);
    if (connection.ready) this.onReady?.(connection);
  }

  #secure(socket: TLSSocket): void {
    this.#wrap(socket);
  }

  /** True when it is the TLS socket over one that was accepted: from now on requests come on it. */
  #wrap(socket: Socket): boolean {
    const accepted = acceptedSocketOf(socket);
    const connection = accepted === undefined ? undefined : connectionOf(accepted);
    if (connection?.owner !== this) return false;
    (socket as Tracked)[CONNECTION] = connection;
    connection.socket = socket;
    connection.ready = true;
    this.onReady?.(connection);
    return true;
  }

  remove(connection: Connection): void {
    this.open.delete(connection);
    if (this.open.size === 0) this.onEmpty?.();
  }
}

/** One for all sockets: a closure for each would be made on every connection's way. */
function closed(this: Tracked): void {
  const connection = this[CONNECTION];
  connection?.owner.remove(connection);
}

/** Follow the connections of a server, from before it accepts the first. http or https; HTTP/2 sessions are not seen. */
export function trackConnections(server: Server): Connections {
  followExchanges();
  return new Connections(server);
}

/** The connection that a socket carries; undefined for one that was not accepted by a tracked server. */
export function connectionOf(socket: Duplex): Connection | undefined {
  return (socket as Tracked)[CONNECTION];
}

interface Exchange {
  readonly response: Response;
  readonly socket: Duplex;
}

let following = false;

/** Channels, because apps replace the server's 'request' listeners (engine.io does), and 'checkContinue' bypasses them. */
function followExchanges(): void {
  if (following) return;
  following = true;
  subscribe('http.server.request.start', (message) => started(message as Exchange));
  subscribe('http.server.response.finish', (message) => finished(message as Exchange));
}

function started({ response, socket }: Exchange): void {
  const connection = connectionOf(socket);
  if (connection === undefined || connection.closing) return;
  connection.requests += 1;
  connection.latest = response;
  connection.owner.began();
}

function finished({ response, socket }: Exchange): void {
  const connection = connectionOf(socket);
  if (connection === undefined) return;
  connection.owner.answered += 1;
  // An idle connection must not keep its last request and response in memory.
  if (connection.latest === response && response.req.complete) connection.latest = undefined;
}
