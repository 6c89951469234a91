/** In the worker, before it accepts: asks the app a question without any port, over a pair of streams that looks like a connection. */
import { get, type Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { EXIT, HoldfastError, messageOf } from '../errors.js';
import type { Server } from './connections.js';
import { isHttpsServer } from './https-server.js';

export interface ProbeOptions {
  /** Milliseconds for the whole answer. */
  readonly timeoutMs: number;
  /** The Host header; `localhost` if not given. */
  readonly host?: string;
}

/** GET a path of a server that need not listen. @throws HoldfastError (EXIT.boot) unless it answers 2xx or 3xx in time */
export async function probe(server: Server, path: string, options: ProbeOptions): Promise<void> {
  const [ours, theirs] = duplexPair();
  // A pair does not pass on that one side was destroyed. What is on its way is still read.
  theirs.once('close', () => ours.push(null));
  try {
    present(server, theirs);
    const status = await ask(ours, path, options);
    if (status < 200 || status > 399) throw failed(`probe ${path} answered ${status}`);
  } finally {
    await Promise.all([ours, theirs].map(closed));
  }
}

function present(server: Server, socket: Duplex): void {
  const secure = isHttpsServer(server);
  // Behind TLS http takes its sockets from this event, after the handshake that a probe has no use for.
  (server as HttpServer).emit(secure ? 'secureConnection' : 'connection', disguised(socket, secure));
}

function ask(stream: Duplex, path: string, { timeoutMs, host = 'localhost' }: ProbeOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { host, 'user-agent': 'holdfast-probe', connection: 'close' };
    const request = get({ path, headers, createConnection: () => disguised(stream, false) });
    const timer = setTimeout(() => request.destroy(new Error(`did not answer within ${timeoutMs} ms`)), timeoutMs);
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      const reason = messageOf(error);
      reject(failed(`probe ${path} ${reason.startsWith('did not') ? reason : `failed: ${reason}`}`, error));
    };
    request.on('error', fail);
    request.on('response', (response) => {
      response.on('error', fail);
      response.on('end', () => {
        clearTimeout(timer);
        resolve(response.statusCode ?? 0);
      });
      response.resume();
    });
  });
}

function failed(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError(message, EXIT.boot, { cause });
}

/** What http and its frameworks expect of a socket. */
function disguised(stream: Duplex, encrypted: boolean): Socket {
  const self = (): Duplex => stream;
  const socketOnly = { setTimeout: self, setNoDelay: self, setKeepAlive: self, ref: self, unref: self, destroySoon: () => stream.end() };
  return Object.assign(stream, socketOnly, {
    remoteAddress: '127.0.0.1',
    remoteFamily: 'IPv4',
    remotePort: 0,
    encrypted,
  }) as unknown as Socket;
}

function closed(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) return resolve();
    stream.once('close', resolve);
    stream.destroy();
  });
}
