/** The pipe to a worker's watchdog thread (master): should the event loop be stuck, it is told to end the process, and answers with the stack. */
import type { Socket } from 'node:net';

/** What a worker has to write its stack down and leave, before it is killed. Milliseconds. */
const LIMIT = 3_000;
/** Characters. */
const STACK_LIMIT = 65_536;

export class WorkerAbort {
  readonly #pipe: Socket;
  #orderedAt: number | undefined;
  #stack = '';

  constructor(pipe: Socket) {
    this.#pipe = pipe;
    pipe.on('error', () => {});
    pipe.on('data', (chunk: Buffer) => {
      if (this.#stack.length < STACK_LIMIT) this.#stack += chunk.toString();
    });
  }

  get ordered(): boolean {
    return this.#orderedAt !== undefined;
  }

  order(now: number): void {
    this.#orderedAt = now;
    this.#pipe.write('!');
  }

  /** It was ordered, and the worker did not end in time. */
  overdue(now: number): boolean {
    return this.#orderedAt !== undefined && now > this.#orderedAt + LIMIT;
  }

  rearm(milliseconds: number): void {
    if (this.#orderedAt !== undefined) this.#orderedAt += milliseconds;
  }

  /** The innermost frame first; none if it could not be had. */
  get stack(): readonly string[] {
    return this.#stack.split('\n').filter((frame) => frame !== '');
  }

  close(): void {
    this.#pipe.destroy();
  }
}
