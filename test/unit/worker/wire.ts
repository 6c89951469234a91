// The two ends of the tests: a server that is tracked as a worker's is, and clients that see every byte, half-close and reset.
import { createServer, type Server as HttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, Server as NetServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { type Connections, type Server, trackConnections } from '#src/worker/connections.js';
import { type DrainReport, drain } from '#src/worker/drain.js';

/** Of a drain, if a test names no other. What is over before it was not ended by it: how long it took besides is the machine's affair. */
export const DEADLINE_MS = 20_000;

export interface Served {
  readonly server: HttpServer;
  readonly connections: Connections;
  readonly port: number;
  /** Stop accepting and drain, as a worker does. */
  drain(deadlineMs?: number): Promise<DrainReport>;
}

export async function serve(t: ExecutionContext, app: RequestListener | Server, keepAliveTimeout = 5000): Promise<Served> {
  const server = (typeof app === 'function' ? createServer(app) : app) as HttpServer;
  server.keepAliveTimeout = keepAliveTimeout;
  const connections = trackConnections(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    NetServer.prototype.close.call(server);
    for (const { accepted } of connections.open) accepted.destroy();
  });
  return {
    server,
    connections,
    port: (server.address() as AddressInfo).port,
    drain: (deadlineMs = DEADLINE_MS) => {
      NetServer.prototype.close.call(server);
      return drain(connections, { deadlineMs });
    },
  };
}

export type Ending = 'end' | 'reset';

export class Client {
  received = '';
  /** How the server ended it. */
  readonly ended: Promise<Ending>;
  /** Of a read or a write: a reset shows in either. */
  error: Error | undefined;
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.received += text;
    });
    this.ended = new Promise((resolve) => {
      socket.once('end', () => resolve('end'));
      socket.on('error', (error) => {
        this.error = error;
        resolve('reset');
      });
    });
  }

  static async connect(t: ExecutionContext, { port }: Served, allowHalfOpen = false): Promise<Client> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen });
    t.teardown(() => socket.destroy());
    await new Promise((resolve) => socket.once('connect', resolve));
    return new Client(socket);
  }

  send(...parts: string[]): void {
    this.socket.write(parts.join(''));
  }

  /** Resolves as soon as what has been received contains this many of that. */
  async until(what: string, times = 1): Promise<void> {
    while (this.count(what) < times) {
      await new Promise<void>((resolve, reject) => {
        this.socket.once('data', () => resolve());
        this.socket.once('close', () => reject(new Error(`closed before "${what}" came ${times} times:\n${this.received}`)));
      });
    }
  }

  count(what: string): number {
    return this.received.toLowerCase().split(what.toLowerCase()).length - 1;
  }
}

export const GET = (path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
export const POST = (path: string, body: string, length = body.length): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${body}`;
export const CLOSE = 'Connection: close\r\n';

export interface Gate<T = void> {
  readonly opened: Promise<T>;
  open(value: T): void;
}

/** A promise that somebody else keeps. */
export function gate<T = void>(): Gate<T> {
  let open: (value: T) => void = () => {};
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** Of a client that came to the server by a detour of the app's: one connection, that stays open idle and ends with the answer to its next request. */
export async function drainsAsOne(t: ExecutionContext, served: Served, client: Client): Promise<void> {
  client.send(GET('/0'));
  await client.until('</0>');
  t.is(served.connections.size, 1);
  const drained = served.drain();
  await pause(100);
  client.send(GET('/1'));
  t.is(await client.ended, 'end');
  t.deepEqual([client.count('</1>'), client.count(CLOSE)], [1, 1]);
  const { answered, destroyed } = await drained;
  t.deepEqual([answered, Object.values(destroyed).some((count) => count > 0)], [1, false]);
  t.is(served.connections.size, 0);
}
