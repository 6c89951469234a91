/** A master's end of the socket to the keeper, which all generations share (master). */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { encodeFrame } from '../channel/frames.js';
import type { ToKeeper } from '../channel/keeper-messages.js';

export class KeeperLink {
  readonly fd: number;
  #held = true;

  /** `lost` is called when the keeper is gone: nobody who watches its pid knows of us any more. */
  constructor(fd: number, lost: () => void) {
    this.fd = fd;
    const socket = new Socket({ fd, readable: true, writable: false });
    // Not 'end': a keeper that is killed before it has read our last word is a reset. unix(7).
    socket.once('close', () => {
      this.#held = false;
      lost();
    });
    socket.on('error', () => {});
    socket.resume();
    socket.unref();
    this.tell({ type: 'here' });
  }

  /** Written at once: the next thing that a master does may be to exit. One small write is never torn. unix(7). */
  tell(message: ToKeeper): void {
    // The descriptor may be somebody else's by now.
    if (!this.#held) return;
    try {
      writeSync(this.fd, encodeFrame(message));
    } catch {
      // It is gone, and `lost` says so.
    }
  }
}
