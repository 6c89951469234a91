/** Giving listeners up (master). */
import { closeSync } from 'node:fs';
import { parseLabel } from './address.js';
import type { Listener } from './listener.js';
import { removeIfOurs } from './socket-file.js';

/** Close this process's descriptor; whoever else holds the socket goes on. A unix socket that never listened takes its draft along. */
export function closeListener(listener: Listener): void {
  const file = listener.socketFile;
  if (file?.draft !== undefined) removeIfOurs(file.draft, file);
  closeSync(listener.fd);
}

/**
 * Remove a unix socket's file if it still is the one that was bound.
 * To be called before closeListener: an open socket keeps its inode's number from being given away.
 */
export function removeSocketFile(listener: Listener): void {
  const address = parseLabel(listener.address);
  if (address?.is === 'unix' && listener.socketFile !== undefined) removeIfOurs(address.path, listener.socketFile);
}
