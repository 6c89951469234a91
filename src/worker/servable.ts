/** What can be served: request listeners and http servers. */
import { createServer, Server as HttpServer, type RequestListener } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { Server as NetServer } from 'node:net';
import { isHttpsServer } from './https-server.js';

export interface App {
  /** Does not listen yet. */
  readonly server: HttpServer | HttpsServer;
  /** True when the server was made here for the app's request listener: its settings are then ours to choose. */
  readonly ours: boolean;
}

/** A function that takes no parameters cannot take a request: it makes the app. */
export function isFactory(value: unknown): value is () => unknown {
  return typeof value === 'function' && value.length === 0;
}

export function isServable(value: unknown): boolean {
  return isServer(value) || isListener(value);
}

/** The server of a request listener or of a server; undefined for anything else, a factory included. */
export function serverFor(value: unknown): App | undefined {
  if (isServer(value)) return { server: value, ours: false };
  return isListener(value) ? { server: createServer(value), ours: true } : undefined;
}

function isServer(value: unknown): value is HttpServer | HttpsServer {
  return value instanceof HttpServer || isHttpsServer(value);
}

/** Express and connect have three parameters. */
function isListener(value: unknown): value is RequestListener {
  return typeof value === 'function' && value.length > 0;
}

/** Why a value cannot be served, and what could be. */
export function refusal(value: unknown, made: boolean): string {
  const what = `${made ? 'its factory returned' : 'exports'} nothing servable (${describe(value)})`;
  return `${what}; ${made ? 'return' : 'export'} a (req, res) function or an http.Server that does not listen yet`;
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'function') return 'a function without parameters';
  if (typeof value !== 'object') return `a ${typeof value}`;
  return describeObject(value as { readonly [name: string]: unknown });
}

/** Those that are well known get their name, so that nobody thinks the export is at fault. */
function describeObject(value: { readonly [name: string]: unknown }): string {
  if (value instanceof NetServer) return 'a server that is neither http nor https';
  if (typeof value['fetch'] === 'function') return 'an object with fetch(), which is not supported yet';
  if (typeof value['inject'] === 'function' && typeof value['ready'] === 'function')
    return 'a Fastify instance, which is not supported yet';
  if (typeof value['callback'] === 'function' && typeof value['use'] === 'function')
    return 'a Koa instance, not supported yet: export its callback()';
  return 'an object';
}
