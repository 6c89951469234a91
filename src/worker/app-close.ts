/** In the worker, while it drains: an app that closes its own server would cut idle connections. It is held until they are gone. */
import type { Server } from './connections.js';

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
