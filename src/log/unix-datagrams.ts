/**
 * Datagrams to a unix socket's path (any role), by node-unix-socket, which is loaded here and now: only who asks for syslog needs it.
 *
 * It sends at once when the receiver has room. When not, it keeps the datagram without a limit and polls a socket that is not connected, and
 * so always writable: a receiver that is stopped would cost us a whole processor. So its socket is closed then, and what it kept with it.
 */
import { createRequire } from 'node:module';
import type { DgramSocket } from 'node-unix-socket';
import { HoldfastError, messageOf } from '../errors.js';
import type { Attempt, Carrier } from './datagrams.js';

type Socket = InstanceType<typeof DgramSocket>;

/** Throws HoldfastError, exit 1, where there is no binary of it. */
export function openUnixDatagrams(path: string): Carrier {
  const make = load(path);
  let socket: Socket | undefined;
  const rest = (): void => {
    socket?.close();
    socket = undefined;
  };
  return {
    attempt: (datagram) => {
      socket ??= make();
      const attempt = sendNow(socket, datagram, path);
      if (attempt === 'later') rest();
      return attempt;
    },
    rest,
  };
}

function load(path: string): () => Socket {
  try {
    const { DgramSocket } = createRequire(import.meta.url)('node-unix-socket') as typeof import('node-unix-socket');
    return () => {
      const socket = new DgramSocket();
      socket.on('error', () => {});
      return socket;
    };
  } catch (cause) {
    const why = messageOf(cause).split('\n', 1)[0];
    throw new HoldfastError(`cannot log to syslog at ${path}: ${why} (--log-syslog-to udp://HOST:PORT needs no binary)`, undefined, {
      cause,
    });
  }
}

/** The callback comes before `sendTo` is over, or the datagram was kept. */
function sendNow(socket: Socket, datagram: Buffer, path: string): Attempt {
  let attempt: Attempt = 'later';
  try {
    socket.sendTo(datagram, 0, datagram.length, path, (error: unknown) => {
      attempt = error === undefined ? 'sent' : { refused: lowered(error) };
    });
  } catch (error) {
    return { refused: lowered(error) };
  }
  return attempt;
}

function lowered(error: unknown): string {
  const message = messageOf(error);
  return message.charAt(0).toLowerCase() + message.slice(1);
}
