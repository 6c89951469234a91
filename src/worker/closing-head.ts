/** In the worker, while it drains: the last response on a connection says `Connection: close`, whatever the app wanted to say there. */
import type { Connection, Response } from './connections.js';

type WriteHead = (this: Response, status: number, ...rest: unknown[]) => Response;

/**
 * Let a response, whose head is not written yet, end its connection (RFC 9112 9.6), unless a further request has come by then.
 * Explicit and implicit heads both pass through `writeHead`. 1xx and 101 are left alone.
 */
export function closeAfter(connection: Connection, response: Response): void {
  const writeHead = response.writeHead as WriteHead;
  response.writeHead = function (this: Response, status: number, ...rest: unknown[]) {
    if (status < 200 || this.headersSent || connection.latest !== response) return writeHead.call(this, status, ...rest);
    const result = writeHead.call(this, status, ...withClose(this, rest));
    connection.closing = true;
    return result;
  } as Response['writeHead'];
}

/** `[reason][, headers]`: the header goes where the app's own are, because Node treats the two places differently (duplicates, order). */
function withClose(response: Response, rest: readonly unknown[]): readonly unknown[] {
  const at = typeof rest[0] === 'string' || (rest[1] ?? null) !== null ? 1 : 0;
  const headers = rest[at] ?? null;
  if (headers !== null) return rest.with(at, replaced(headers));
  // Not removeHeader and shouldKeepAlive: after removeHeader('connection') Node closes without a word.
  response.setHeader('Connection', 'close');
  return rest;
}

function replaced(headers: object): unknown {
  if (!Array.isArray(headers)) {
    return { ...Object.fromEntries(Object.entries(headers).filter(([name]) => !isConnection(name))), Connection: 'close' };
  }
  if (Array.isArray(headers[0])) return [...headers.filter(([name]) => !isConnection(name)), ['Connection', 'close']];
  return [...headers.filter((_, index) => !isConnection(headers[index - (index % 2)])), 'Connection', 'close'];
}

function isConnection(name: unknown): boolean {
  return typeof name === 'string' && name.toLowerCase() === 'connection';
}
