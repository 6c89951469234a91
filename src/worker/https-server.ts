/** In the worker: is it an https server? Asked without loading what only an app with one needs, for TLS takes its time. */
import type { Server as HttpsServer } from 'node:https';
import { createRequire } from 'node:module';
import { Server as NetServer } from 'node:net';

const load = createRequire(import.meta.url);

/** True for a server of node:https, and for none of node:tls or node:http2. */
export function isHttpsServer(value: unknown): value is HttpsServer {
  if (!(value instanceof NetServer) || !('setSecureContext' in value)) return false;
  return value instanceof (load('node:https') as typeof import('node:https')).Server;
}
