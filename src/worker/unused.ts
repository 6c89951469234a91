/** In the worker, while it drains: connections that nobody has used yet. Node has no keep-alive timer for them. */
import { monotonic } from '../sys/monotonic.js';
import type { Connection } from './connections.js';

/** A client that connected long ago may be sending its first request right now. Milliseconds. */
const ON_THE_WIRE = 1000;

/** An unused connection counts as idle since it was accepted: close it after the keep-alive timeout (milliseconds; 0 for never). */
export function closeUnused({ socket, acceptedAt }: Connection, keepAliveTimeout: number): void {
  if (socket.bytesRead > 0 || keepAliveTimeout === 0) return;
  const wait = Math.max(acceptedAt + keepAliveTimeout - monotonic(), ON_THE_WIRE);
  // Timers run before the sockets are read: look at it when whatever has arrived is read.
  const timer = setTimeout(() => setImmediate(destroyIfUnused), wait);
  socket.once('close', () => clearTimeout(timer));

  function destroyIfUnused(): void {
    if (socket.bytesRead === 0) socket.destroy();
  }
}
