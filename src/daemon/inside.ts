/** The daemon, from its first moment until somebody knows that it is ready. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { HoldfastError } from '../errors.js';
import { pointStreamsAt, setCloseOnExec } from '../sys/descriptors.js';
import { isConnected } from '../sys/sockets.js';
import { type Note, writeNote } from './note.js';

export interface Daemon {
  readonly is: 'daemon';
  /** From now on the standard output and error are this descriptor's file, or /dev/null. Do it before you start processes. */
  detach(fd?: number): void;
  /** The command that was typed returns 0, and says this if there is something to say. Detaches, if that was not done. */
  ready(warning?: string): void;
  /**
   * The command returns this status (1 in place of 0), and the reason if there is one, when this process has ended: end it. Nothing happens once
   * `ready` was said.
   */
  failed(exitStatus: number, reason?: string): void;
}

const FIRST = 3;

export function enter(given: string): Daemon {
  const fd = descriptorIn(given);
  let waiting = true;
  let attached = true;
  const socket = watch(fd, () => {
    if (waiting) process.kill(process.pid, 'SIGTERM');
  });
  const detach = (target?: number) => {
    attached = false;
    pointStreamsAway(target);
  };
  return {
    is: 'daemon',
    detach,
    ready(warning) {
      if (!waiting) return;
      waiting = false;
      if (attached) detach();
      tell(fd, { exitStatus: 0, ...(warning === undefined ? {} : { reason: warning }) });
      socket.destroy();
    },
    failed(exitStatus, reason) {
      if (!waiting) return;
      waiting = false;
      tell(fd, { exitStatus: exitStatus || 1, ...(reason === undefined ? {} : { reason }) });
    },
  };
}

/** It may be forged: then it is anything, and one of Node's own would take harm. */
function descriptorIn(given: string): number {
  const fd = /^\d{1,5}$/.test(given) ? Number(given) : 0;
  if (fd < FIRST || !isConnected(fd)) throw new HoldfastError('cannot be a daemon: HOLDFAST_DAEMON is not to be set by hand (unset it)');
  return fd;
}

/** `gone` is called when nobody waits at the other end any more. */
function watch(fd: number, gone: () => void): Socket {
  // Node has done that for those before the first gap alone.
  setCloseOnExec(fd);
  const socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
  socket.on('error', () => {});
  socket.once('end', gone);
  socket.resume();
  socket.unref();
  return socket;
}

function pointStreamsAway(fd?: number): void {
  if (fd !== undefined) return pointStreamsAt(fd);
  const nowhere = openSync('/dev/null', 'r+');
  pointStreamsAt(nowhere);
  closeSync(nowhere);
}

/** At once, for the next thing may be to exit. */
function tell(fd: number, note: Note): void {
  try {
    writeSync(fd, writeNote(note));
  } catch {
    // Nobody waits any more.
  }
}
