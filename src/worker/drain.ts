/** In the worker: ends what the connections have begun, cuts nothing, and is over when the last of them is gone. */
import { setImmediate } from 'node:timers/promises';
import { monotonic } from '../sys/monotonic.js';
import { holdAppClose } from './app-close.js';
import type { Connection, Connections } from './connections.js';
import { announceDrain } from './drain-notice.js';
import { Intake } from './intake.js';
import { type Count, destroyAll, NONE } from './leftovers.js';
import { lingerOnClose } from './linger.js';
import { closeUnused } from './unused.js';

export interface DrainOptions {
  /** Milliseconds until what is left is destroyed: see `drainLimit`. */
  readonly deadlineMs: number;
  /** A listener of 'holdfast:drain' threw or rejected. */
  readonly onListenerError?: (error: unknown) => void;
}

export interface DrainReport {
  /** Responses written to their end during the drain. */
  readonly answered: number;
  /** What the deadline found, by kind; all 0 when everything ended by itself. */
  readonly destroyed: Count;
  readonly durationMs: number;
}

/** 24 days. A timer takes no more and would fire at once, where a keep-alive timeout that is to be endless is allowed; those who wait for a drain add to it. */
const LONGEST = 2 ** 31 - 60_000;

/** How long a drain may take, milliseconds: an idle connection keeps the keep-alive timeout that it was promised (Node adds 1 s). */
export function drainLimit(gracefulTimeout: number, keepAliveTimeout: number): number {
  return Math.min(Math.max(gracefulTimeout, keepAliveTimeout + 2000), LONGEST);
}

/**
 * Let the connections of a server end: the last response on each says `Connection: close`; idle ones keep what they were promised;
 * the app is told ('holdfast:drain'); the deadline destroys the rest. Stop accepting first. Never rejects.
 */
export async function drain(connections: Connections, { deadlineMs, onListenerError = () => {} }: DrainOptions): Promise<DrainReport> {
  // Ordered from within a request's listener, the rest of its chunk is not parsed yet.
  await setImmediate();
  const { server } = connections;
  const startedAt = monotonic();
  const answeredBefore = connections.answered;
  const giveBackClose = holdAppClose(server);
  const intake = new Intake(server);
  for (const connection of connections.open) if (connection.ready) takeOver(connection, intake);
  connections.onReady = (connection) => takeOver(connection, intake);
  announceDrain({ deadline: Date.now() + deadlineMs }, onListenerError);
  const destroyed = await allGone(connections, deadlineMs);
  connections.onReady = undefined;
  intake.end();
  giveBackClose();
  return { answered: connections.answered - answeredBefore, destroyed, durationMs: monotonic() - startedAt };
}

function takeOver(connection: Connection, intake: Intake): void {
  const { socket, latest } = connection;
  intake.add(connection);
  lingerOnClose(connection);
  closeUnused(connection, Math.min(connection.owner.server.keepAliveTimeout, LONGEST));
  if (connection.requests > 0 && latest === undefined) countBytes();
  latest?.once('close', countBytes);

  function countBytes(): void {
    connection.bytesSeen = socket.bytesRead;
  }
}

function allGone(connections: Connections, limit: number): Promise<Count> {
  return new Promise((resolve) => {
    if (connections.open.size === 0) return resolve(NONE);
    let destroyed = NONE;
    const timer = setTimeout(() => {
      destroyed = destroyAll(connections.open);
    }, limit);
    connections.onEmpty = () => {
      clearTimeout(timer);
      connections.onEmpty = undefined;
      resolve(destroyed);
    };
  });
}
