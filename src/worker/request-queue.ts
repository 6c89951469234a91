/** In the worker, while it drains: hands the requests of one connection to the app, each when it is known what else has been received. */
import { AsyncResource } from 'node:async_hooks';
import { closeAfter } from './closing-head.js';
import type { Connection, Response } from './connections.js';

interface Waiting {
  readonly response: Response;
  readonly dispatch: () => void;
}

/**
 * A chunk may hold several requests, and Node emits each as soon as its head is parsed: an app that answers at once would say
 * `close` on the first, and the others were never answered. So a request waits until the whole chunk is parsed, and a pipelined one
 * until the response before it is done; then its head is written while it is first in line and all later requests are known.
 */
export class RequestQueue {
  readonly #waiting: Waiting[] = [];
  /** The response before the first that waits. */
  #previous: Response | undefined;
  #armed = false;

  constructor(readonly connection: Connection) {
    this.#previous = connection.latest;
    // After the client's half-close Node ends its own half too: what an app answers at once must come before.
    connection.socket.prependListener('end', () => this.flush());
  }

  receive(response: Response, dispatch: () => void): void {
    closeAfter(this.connection, response);
    this.#waiting.push({ response, dispatch: AsyncResource.bind(dispatch) });
    this.#arm();
  }

  /** Everything that waits, now, as Node would have without a drain. */
  flush(): void {
    while (this.#waiting.length > 0) this.#dispatch();
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    if (this.#previous !== undefined && !this.#previous.closed) this.#previous.once('close', this.#turn);
    // Not nextTick: Node runs that queue in the middle of a chunk, after each piece of a body.
    else setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#armed = false;
    try {
      this.#dispatch();
    } finally {
      if (this.#waiting.length > 0) this.#arm();
    }
  };

  #dispatch(): void {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    if (this.connection.closing || this.connection.socket.destroyed) return discard(next.response);
    this.#previous = next.response;
    next.dispatch();
  }
}

/** Its body is read all the same: unread bytes would turn the close into a reset, and that may overtake the last response. */
function discard(response: Response): void {
  response.req.resume();
}
