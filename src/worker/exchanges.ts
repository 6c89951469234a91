/** In the worker, where there is an access log: every exchange from its request to its end, however that comes. */
import { subscribe } from 'node:diagnostics_channel';
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { monotonic } from '../sys/monotonic.js';
import { Bag, type Member } from './bag.js';
import { connectionOf, type Response, type Server } from './connections.js';
import { onFirstStatus } from './first-status.js';
import { refusalStatus } from './refusal-status.js';

/** From its request to its end; who is told of the end finds it complete. One object for each, for this is on every request's way. */
export class Exchange {
  /** Milliseconds: of the monotonic clock at first, then what it took. */
  milliseconds: number;
  /** Of the body; of all that was sent on an upgraded connection. */
  bytes = 0;
  /** 0 as long as there is none; 499 when the connection ended before. */
  status = 0;
  /** False when the connection ended before the response was written. */
  complete = false;
  /** As they came: routers shorten `request.url`, and some apps change the method. */
  readonly method: string | undefined;
  readonly url: string | undefined;

  constructor(
    /** None for what Node refused before it was one. */
    readonly request: IncomingMessage | undefined,
    /** None for an upgraded connection, either. */
    readonly response: Response | undefined,
    /** Of the client; undefined on a unix socket. */
    readonly address: string | undefined,
    startedAt: number,
  ) {
    this.milliseconds = startedAt;
    this.method = request?.method;
    this.url = request?.url;
  }
}

/** Nginx's number for a client that did not wait. */
const ENDED_BEFORE = 499;

/** A connection, and what has begun and not ended on it, in the order of the requests. */
interface Peer extends Member {
  readonly address: string | undefined;
  readonly begun: Exchange[];
}

const PEER = Symbol('holdfast.peer');
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
 *
 * @param timed false: nobody wants to know how long they took, and to ask the clock twice is a part of what this costs
 */
export function followExchanges(server: Server, ended: (exchange: Exchange) => void, timed = true): () => void {
  const clock = timed ? () => monotonic() : () => 0;
  const open = new Bag<Peer>();
  countBodies();
  subscribe('http.server.request.start', (message) => {
    const { server: its, request, response, socket } = message as Message;
    if (its === server && !saysNoMore(socket)) begin(peerOf(socket), request, response);
  });
  subscribe('http.server.response.finish', (message) => {
    const { server: its, response, socket } = message as Message;
    const begun = its === server ? (socket as FollowedSocket)[PEER]?.begun : undefined;
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
    const peer: Peer = { address: socket.remoteAddress, begun: [], at: 0 };
    socket[PEER] = peer;
    open.add(peer);
    socket.once('close', () => {
      open.delete(peer);
      cut(peer);
    });
    return peer;
  }

  function begin({ address, begun }: Peer, request: IncomingMessage, response: Response | undefined): Exchange {
    const exchange = new Exchange(request, response, address, clock());
    begun.push(exchange);
    return exchange;
  }

  function finish(begun: Exchange[], response: Response): void {
    const exchange = exchangeOf(begun, response);
    // Told of already: the connection ended first.
    if (exchange === undefined) return;
    if (begun.length === 1) begun.pop();
    else begun.splice(begun.indexOf(exchange), 1);
    tell(exchange, response.statusCode, true);
  }

  function cut({ begun }: Peer): void {
    for (const exchange of begun.splice(0)) {
      const { response, status } = exchange;
      const said = response?.headersSent === true ? response.statusCode : status;
      tell(exchange, said === 0 ? ENDED_BEFORE : said, response === undefined && said !== 0);
    }
  }

  function tell(exchange: Exchange, status: number, complete: boolean): void {
    exchange.milliseconds = clock() - exchange.milliseconds;
    exchange.status = status;
    exchange.complete = complete;
    if (!hasBody(exchange)) exchange.bytes = 0;
    ended(exchange);
  }

  /** The socket belongs to the app from now on; its end is the exchange's. */
  function upgraded(request: IncomingMessage, socket: Socket): void {
    const exchange = begin(peerOf(socket), request, undefined);
    const before = socket.bytesWritten;
    onFirstStatus(socket, (status) => {
      exchange.status = status;
    });
    socket.prependOnceListener('close', () => {
      exchange.bytes = socket.bytesWritten - before;
    });
  }

  function refused(error: unknown, socket: FollowedSocket): void {
    const status = refusalStatus(error);
    if (status === undefined || saysNoMore(socket)) return;
    const { address, begun } = peerOf(socket);
    const [first] = begun;
    if (first === undefined) tell(new Exchange(undefined, undefined, address, clock()), status, true);
    else if (first.status === 0) first.status = status;
  }

  /** On every request's way: a rest parameter would be an array each time. */
  function interceptEmit(target: Server): void {
    const emit = target.emit as (...args: unknown[]) => boolean;
    target.emit = function (this: Server, event: unknown, first: unknown, second: unknown): boolean {
      if (event === 'upgrade' || event === 'connect') upgraded(first as IncomingMessage, second as Socket);
      else if (event === 'clientError') refused(first, second as FollowedSocket);
      else if (event === 'request') return emit.call(this, event, first, second);
      // biome-ignore lint/complexity/noArguments: as many as there are
      return emit.apply(this, arguments as unknown as unknown[]);
    } as Server['emit'];
  }
}

/** Behind `Connection: close` in a drain: what comes there is no exchange, and nobody answers it. */
function saysNoMore(socket: Duplex): boolean {
  return connectionOf(socket)?.closing === true;
}

function exchangeOf(begun: readonly Exchange[], response: ServerResponse): Exchange | undefined {
  return begun[0]?.response === response ? begun[0] : begun.find((each) => each.response === response);
}

function hasBody({ method, response, status }: Exchange): boolean {
  return response === undefined || (method !== 'HEAD' && status !== 204 && status !== 304);
}

let counting = false;

/** On the class, for on each response it would cost two closures. What is compressed is counted as it is sent. */
function countBodies(): void {
  if (counting) return;
  counting = true;
  const { prototype } = ServerResponse;
  const { write, end } = prototype;
  prototype.write = function (this: ServerResponse, chunk: unknown, encoding?: unknown, callback?: unknown) {
    count(this, chunk, encoding);
    return write.call(this, chunk, encoding as BufferEncoding, callback as () => void);
  } as typeof write;
  prototype.end = function (this: ServerResponse, chunk?: unknown, encoding?: unknown, callback?: unknown) {
    count(this, chunk, encoding);
    return end.call(this, chunk, encoding as BufferEncoding, callback as () => void);
  } as typeof end;
}

function count(response: ServerResponse, chunk: unknown, encoding: unknown): void {
  // By its request: a pipelined response has no socket until it is its turn.
  const begun = (response.req.socket as FollowedSocket | null)?.[PEER]?.begun;
  const exchange = begun === undefined || response.writableEnded ? undefined : exchangeOf(begun, response);
  if (exchange === undefined) return;
  if (typeof chunk === 'string')
    exchange.bytes += Buffer.byteLength(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  else if (chunk instanceof Uint8Array) exchange.bytes += chunk.byteLength;
}
