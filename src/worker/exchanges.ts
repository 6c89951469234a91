/** In the worker, where there is an access log: every exchange from its request to its end, however that comes. */
import { subscribe } from 'node:diagnostics_channel';
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import type { Response, Server } from './connections.js';
import { onFirstStatus } from './first-status.js';
import { refusalStatus } from './refusal-status.js';

export interface Exchange {
  /** None for what Node refused before it was one. */
  readonly request: IncomingMessage | undefined;
  /** None for an upgraded connection, either. */
  readonly response: Response | undefined;
  /** Of the client; undefined on a unix socket. */
  readonly address: string | undefined;
  /** 499 when the connection ended before there was one. */
  readonly status: number;
  /** Of the body; of all that was sent on an upgraded connection. */
  readonly bytes: number;
  readonly milliseconds: number;
  /** False when the connection ended before the response was written. */
  readonly complete: boolean;
}

/** Nginx's number for a client that did not wait. */
const ENDED_BEFORE = 499;

/** One that has begun. */
class Begun {
  readonly at = performance.now();
  bytes = 0;
  status: number | undefined;

  constructor(
    readonly request: IncomingMessage,
    readonly response: Response | undefined,
    readonly peer: Peer,
  ) {}
}

/** A connection, and what has begun and not ended on it. */
interface Peer {
  readonly address: string | undefined;
  readonly begun: Begun[];
}

const BEGUN = Symbol('holdfast.begun');
const PEER = Symbol('holdfast.peer');
type Followed = ServerResponse & { [BEGUN]?: Begun };
type FollowedSocket = Duplex & { [PEER]?: Peer; readonly remoteAddress?: string | undefined };

interface Message {
  readonly request: IncomingMessage;
  readonly response: Response;
  readonly socket: Duplex;
  readonly server: unknown;
}

/**
 * Tell `ended` of each exchange of this server. Returns what tells it of those that are cut by the end of the process.
 * Channels, as for the connections; what they do not announce (upgrades, what Node refuses) is heard of through the server's `emit`.
 */
export function followExchanges(server: Server, ended: (exchange: Exchange) => void): () => void {
  const open = new Set<Peer>();
  countBodies();
  subscribe('http.server.request.start', (message) => {
    const { server: its, request, response, socket } = message as Message;
    if (its === server) begin(peerOf(socket), request, response);
  });
  subscribe('http.server.response.finish', (message) => {
    const { response } = message as Message;
    const begun = (response as Followed)[BEGUN];
    if (begun !== undefined) finish(begun, response);
  });
  interceptEmit(server);
  return () => {
    for (const peer of open) cut(peer);
  };

  function peerOf(socket: FollowedSocket): Peer {
    const known = socket[PEER];
    if (known !== undefined) return known;
    // Now: once it is closed, nobody knows.
    const peer: Peer = { address: socket.remoteAddress, begun: [] };
    socket[PEER] = peer;
    open.add(peer);
    socket.once('close', () => {
      open.delete(peer);
      cut(peer);
    });
    return peer;
  }

  function begin(peer: Peer, request: IncomingMessage, response: Response | undefined): Begun {
    const begun = new Begun(request, response, peer);
    if (response !== undefined) (response as Followed)[BEGUN] = begun;
    peer.begun.push(begun);
    return begun;
  }

  function finish(begun: Begun, response: Response): void {
    const { begun: all } = begun.peer;
    const at = all.indexOf(begun);
    // Told of already: the connection ended first.
    if (at < 0) return;
    all.splice(at, 1);
    tell(begun, response.statusCode, true);
  }

  /** In the order of their requests. */
  function cut({ begun }: Peer): void {
    for (const each of begun.splice(0)) {
      const said = each.response?.headersSent === true ? each.response.statusCode : each.status;
      tell(each, said ?? ENDED_BEFORE, each.response === undefined && said !== undefined);
    }
  }

  function tell({ request, response, peer, at, bytes }: Begun, status: number, complete: boolean): void {
    const milliseconds = performance.now() - at;
    ended({ request, response, address: peer.address, status, bytes: hasBody(request, response) ? bytes : 0, milliseconds, complete });
  }

  /** The socket belongs to the app from now on; its end is the exchange's. */
  function upgraded(request: IncomingMessage, socket: Socket): void {
    const begun = begin(peerOf(socket), request, undefined);
    const before = socket.bytesWritten;
    onFirstStatus(socket, (status) => {
      begun.status = status;
    });
    socket.prependOnceListener('close', () => {
      begun.bytes = socket.bytesWritten - before;
    });
  }

  function refused(error: unknown, socket: FollowedSocket): void {
    const status = refusalStatus(error);
    if (status === undefined) return;
    const { address, begun } = peerOf(socket);
    const [first] = begun;
    if (first === undefined) ended({ request: undefined, response: undefined, address, status, bytes: 0, milliseconds: 0, complete: true });
    else first.status ??= status;
  }

  function interceptEmit(target: Server): void {
    const emit = target.emit as (...args: unknown[]) => boolean;
    target.emit = function (this: Server, ...args: unknown[]): boolean {
      const [event, first, second] = args;
      if (event === 'upgrade' || event === 'connect') upgraded(first as IncomingMessage, second as Socket);
      else if (event === 'clientError') refused(first, second as FollowedSocket);
      return Reflect.apply(emit, this, args);
    } as Server['emit'];
  }
}

function hasBody(request: IncomingMessage, response: Response | undefined): boolean {
  return response === undefined || (request.method !== 'HEAD' && response.statusCode !== 204 && response.statusCode !== 304);
}

let counting = false;

/** On the class, for on each response it would cost two closures. What is compressed is counted as it is sent. */
function countBodies(): void {
  if (counting) return;
  counting = true;
  const { prototype } = ServerResponse;
  const { write, end } = prototype;
  prototype.write = function (this: Followed, ...args: unknown[]) {
    count(this, args);
    return Reflect.apply(write, this, args) as boolean;
  } as typeof write;
  prototype.end = function (this: Followed, ...args: unknown[]) {
    count(this, args);
    return Reflect.apply(end, this, args) as ServerResponse;
  } as typeof end;
}

function count(response: Followed, [chunk, encoding]: unknown[]): void {
  const begun = response[BEGUN];
  if (begun === undefined || response.writableEnded) return;
  if (typeof chunk === 'string')
    begun.bytes += Buffer.byteLength(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  else if (chunk instanceof Uint8Array) begun.bytes += chunk.byteLength;
}
