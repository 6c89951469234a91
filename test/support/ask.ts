// One request, as a client would make it: for tests that want an answer and not a load.
import { type IncomingHttpHeaders, request } from 'node:http';
import type { Target } from './holdfast.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** GET on a connection of its own. Rejects as the connection does, and when there is no answer after `timeoutMs` milliseconds. */
export function ask(target: Target | { readonly socketPath: string }, path = '/', timeoutMs = 60_000): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request({ ...target, path, agent: false }, (res) => {
      const pieces: Buffer[] = [];
      res.on('data', (piece: Buffer) => pieces.push(piece));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(pieces).toString() }));
      res.on('error', reject);
    });
    const limit = setTimeout(() => req.destroy(new Error(`no answer to ${path} in ${timeoutMs} ms`)), timeoutMs);
    req.on('close', () => clearTimeout(limit));
    req.on('error', reject).end();
  });
}
