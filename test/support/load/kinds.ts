// Runs in the load's process: what one round of each kind of client does.
import { createHash, randomBytes } from 'node:crypto';
import { type Client, head } from './client.js';
import type { KindName } from './report.js';

const home = { path: '/' };

/** Kinds whose round takes seconds: a warm-up asks one answer of them. */
export const isRare = (kind: KindName): boolean => kind === 'patient' || kind === 'idle' || kind === 'longPoll';

export const kinds: Readonly<Record<KindName, (client: Client, turn: () => Promise<void>) => Promise<void>>> = {
  /** A connection per request, from a client that says so. */
  short: async (client, turn) => {
    await turn();
    await client.get({ path: '/', headers: ['Connection: close'] });
    client.drop();
  },

  /** Keep-alive without think time. */
  hot: async (client, turn) => {
    await turn();
    await client.get(home);
  },

  /** Keep-alive with 20 ms of think time. */
  keepAlive: async (client) => {
    await client.get(home);
    await client.rest(20);
  },

  /** Keep-alive with seconds of think time, still within the server's promise. */
  patient: async (client) => {
    await client.get(home);
    await client.rest(Math.min(3000, client.options.keepAliveTimeoutMs * 0.5));
  },

  /** Asks once, then holds the connection until the server's time for it is over. */
  idle: async (client) => {
    await client.get(home);
    await client.untilEnded(client.options.keepAliveTimeoutMs + 500);
    client.drop();
  },

  /** Connects, and asks half a second later. */
  unused: async (client) => {
    await client.connection();
    await client.rest(500);
    await client.get(home);
    client.drop();
  },

  /** Answers that take 300 ms. */
  slow: (client) => client.get({ path: '/slow?ms=300', takesMs: 300 }),

  /** Chunked bodies in several pieces over 200 ms; the answer must tell their length and SHA-1. */
  upload: async (client) => {
    const pieces = Array.from({ length: 5 }, () => randomBytes(1 + Math.floor(Math.random() * 2000)).toString('latin1'));
    const whole = Buffer.from(pieces.join(''), 'latin1');
    const wanted = JSON.stringify({ length: whole.length, sha1: createHash('sha1').update(whole).digest('hex') });
    await send(client, pieces, { path: '/upload', body: (body) => body === wanted });
  },

  /** An answer that comes before the body is read: it must arrive whole at a client that reads only when it has sent everything. */
  early: async (client) => {
    const connection = await client.connection();
    connection.pauseReading();
    const pieces = Array.from({ length: 5 }, () => 'x'.repeat(8000));
    await send(client, pieces, { path: '/early', status: 413, body: (body) => body === 'too much\n' });
  },

  /** Three to five requests in one write: all answered, in order, unless a `Connection: close` comes before. */
  pipelined: async (client) => {
    const paths = ['/', '/slow?ms=20', '/', '/sse?count=2&ms=5', '/'].slice(0, 3 + Math.floor(Math.random() * 3));
    const requests = paths.map((path) => client.request({ path }));
    const connection = await client.connection();
    connection.write(requests.map(head).join(''));
    for (const [index, request] of requests.entries()) {
      try {
        const response = await client.answer(connection, request);
        if (response.last) return;
      } catch (error) {
        // Each request that was sent and is not answered is an exchange that failed.
        for (const _unanswered of requests.slice(index + 1)) client.fail(error);
        throw error;
      }
    }
    await client.rest(10);
  },

  longPoll: (client) => client.get({ path: '/poll?ms=1000', takesMs: 1000 }),

  /** A chunked answer in pieces, from an app that says `Connection: keep-alive` itself. */
  stream: (client) => client.get({ path: '/sse?count=10&ms=20', takesMs: 200, body: (body) => body.endsWith('data: 10\n\n') }),

  /** Half of a request's head, the rest 500 ms later. */
  halfHead: async (client) => {
    const request = client.request({ path: '/', headers: ['X-Half: here'] });
    const [first, second] = halves(head(request));
    const connection = await client.connection();
    connection.write(first);
    await client.rest(500);
    connection.write(second);
    await client.answer(connection, request);
  },
};

async function send(client: Client, pieces: readonly string[], asked: Parameters<Client['request']>[0]): Promise<void> {
  const request = client.request({ ...asked, method: 'POST', headers: ['Transfer-Encoding: chunked'] });
  const connection = await client.connection();
  connection.write(head(request));
  for (const piece of pieces) {
    await client.rest(200 / pieces.length);
    connection.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
  }
  connection.write('0\r\n\r\n');
  connection.resumeReading();
  await client.answer(connection, request);
}

function halves(text: string): [string, string] {
  const middle = Math.floor(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)];
}
