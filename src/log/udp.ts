/** Datagrams over UDP (any role). Nobody says whether they arrive; a host that is up and does not listen may say that it does not. udp(7) */
import type { Socket } from 'node:dgram';
import { createRequire } from 'node:module';
import { isIPv6 } from 'node:net';
import { messageOf } from '../errors.js';
import type { Attempt, Carrier } from './datagrams.js';

/** Milliseconds, after a name could not be looked up, or nobody listened; and then until it is believed that somebody does. */
const AGAIN_AFTER = 1_000;

/** Connected, so that a datagram is handed to the kernel before `attempt` is over. */
export function openUdp(host: string, port: number): Carrier {
  let socket: Socket | undefined;
  let failure: { readonly why: string; readonly at: number } | undefined;
  let ready = false;

  // Loaded here: of all processes that log, only those that do so in this way need it.
  const { createSocket } = createRequire(import.meta.url)('node:dgram') as typeof import('node:dgram');

  function open(): Socket {
    const opened = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    ready = false;
    opened.unref();
    opened.on('error', fail);
    // A name that is not found comes here, and is no 'error'.
    opened.connect(port, host, (error?: Error) => {
      if (error === undefined) ready = true;
      else fail(error);
    });
    return opened;
  }

  function fail(error: Error): void {
    failure = { why: messageOf(error), at: performance.now() };
    close();
  }

  function close(): void {
    socket?.close();
    socket = undefined;
  }

  function attempt(datagram: Buffer): Attempt {
    const age = performance.now() - (failure?.at ?? Number.NEGATIVE_INFINITY);
    if (failure !== undefined && age < AGAIN_AFTER) return { refused: failure.why };
    socket ??= open();
    if (!ready) return 'later';
    socket.send(datagram);
    return age < 2 * AGAIN_AFTER ? 'unsure' : 'sent';
  }

  return { attempt, rest: () => {} };
}
