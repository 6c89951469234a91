/**
 * One end of a socketpair between two of our processes (any role). Messages in, messages out, and exactly one end:
 * end of file is death unless a farewell came before it, and a malformed frame fails this peer alone.
 */
import { Socket } from 'node:net';
import { encodeFrame, FrameError, FrameReader } from './frames.js';
import { type Shapes, shapedAs } from './shape.js';

/** How a channel ended: the peer is gone, said goodbye before, or sent what is no message. */
export type ChannelEnd = 'gone' | 'farewell' | 'garbage';

export interface ChannelListener<In> {
  message(message: In): void;
  end(how: ChannelEnd): void;
}

export class Channel<In extends { readonly type: string }, Out extends { readonly type: string }> {
  readonly #socket: Socket;
  readonly #shapes: Shapes;
  readonly #listener: ChannelListener<In>;
  readonly #frames = new FrameReader();
  #farewell = false;
  #ended = false;

  /** `socket` may be a connected socket or the number of an inherited descriptor. */
  constructor(socket: Socket | number, shapes: Shapes, listener: ChannelListener<In>) {
    this.#socket = typeof socket === 'number' ? new Socket({ fd: socket, readable: true, writable: true }) : socket;
    this.#shapes = shapes;
    this.#listener = listener;
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on('end', () => this.#end(this.#farewell ? 'farewell' : 'gone'));
    // A peer that died with unread messages in its queue shows as a reset or a broken pipe, and that is an end like any other.
    this.#socket.on('error', () => this.#end(this.#farewell ? 'farewell' : 'gone'));
    this.#socket.on('close', () => this.#end(this.#farewell ? 'farewell' : 'gone'));
  }

  get open(): boolean {
    return !this.#ended;
  }

  /** Without effect once the peer is gone. `sent` is called when the message has left this process, or never will. */
  send(message: Out, sent?: () => void): void {
    if (this.#ended || !this.#socket.writable) sent?.();
    else this.#socket.write(encodeFrame(message), () => sent?.());
  }

  /** Let go of the peer without hearing its end. */
  close(): void {
    this.#ended = true;
    this.#socket.destroy();
  }

  /** A channel alone does not keep this process alive. */
  unref(): void {
    this.#socket.unref();
  }

  #receive(chunk: Buffer): void {
    try {
      for (const raw of this.#frames.push(chunk)) {
        if (this.#ended) return;
        const message = shapedAs(this.#shapes, raw);
        if (message === undefined) return this.#end('garbage');
        this.#farewell = message.type === 'farewell';
        this.#listener.message(message as In);
      }
    } catch (error) {
      // What the listener throws is our own fault, and none of the peer's.
      if (!(error instanceof FrameError)) throw error;
      this.#end('garbage');
    }
  }

  #end(how: ChannelEnd): void {
    if (this.#ended) return;
    this.close();
    this.#listener.end(how);
  }
}
