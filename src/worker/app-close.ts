/** In the worker: an app that closes its own server would cut idle connections, and leave those that wait in the worker's own socket to nobody. */
import { Server as HttpServer } from 'node:http';
import type { Server } from './connections.js';

/**
 * Until the worker drains: have `closed` called in place of the server's `close`, with what that was to call. Returns what gives it back.
 * With --reuse-port a worker that lives and does not accept must be known to its master.
 */
export function hearAppClose(server: Server, closed: (callback: () => void) => void): () => void {
  const own = Object.getOwnPropertyDescriptor(server, 'close');
  server.close = (callback?: unknown): Server => {
    closed(typeof callback === 'function' ? () => callback.call(server) : () => {});
    return server;
  };
  return () => {
    if (own === undefined) Reflect.deleteProperty(server, 'close');
    else Object.defineProperty(server, 'close', own);
  };
}

/**
 * After the drain, for the app's own handlers of TERM: to Node a server that has stopped is "not running", and to close it an error, with which many an
 * app gives up what it was about to do. Here it has closed, and only who has not heard that yet is told. A `close` that is the app's, or its class's, is
 * left alone, and so is a server that listens again.
 */
export function closeAgain(server: Server): void {
  const { close } = server;
  if (close !== nodesOwn(server)) return;
  const told = new Set(server.rawListeners('close'));
  server.close = (callback?: unknown): Server => {
    if (server.listening) return Reflect.apply(close, server, [callback]);
    process.nextTick(() => {
      // Raw: the wrapper of a `once` removes itself.
      const others = server.rawListeners('close').filter((listener) => !told.has(listener));
      for (const listener of others) {
        told.add(listener);
        Reflect.apply(listener, server, []);
      }
      if (typeof callback === 'function') callback.call(server);
    });
    return server;
  };
}

function nodesOwn(server: Server): Server['close'] {
  // For one of https that is loaded already.
  const { Server: Own } = server instanceof HttpServer ? { Server: HttpServer } : process.getBuiltinModule('node:https');
  return Own.prototype.close;
}

/** Hold `close`, `closeIdleConnections` and `closeAllConnections`. Returns what gives them back and runs the callbacks of `close`. */
export function holdAppClose(server: Server): () => void {
  const callbacks: (() => void)[] = [];
  const own = {
    close: (callback?: unknown): Server => {
      if (typeof callback === 'function') callbacks.push(callback as () => void);
      return server;
    },
    closeIdleConnections: (): void => {},
    closeAllConnections: (): void => {},
  };
  const before = Object.keys(own).map((name) => [name, Object.getOwnPropertyDescriptor(server, name)] as const);
  Object.assign(server, own);
  return () => {
    for (const [name, descriptor] of before) {
      if (descriptor === undefined) Reflect.deleteProperty(server, name);
      else Object.defineProperty(server, name, descriptor);
    }
    // Without an argument: to Node the server is "not running" by now, to the app it has just closed.
    for (const callback of callbacks) process.nextTick(() => callback.call(server));
  };
}
