/** In the worker, while it drains: stands between Node's http and the app's listeners. */
import { Duplex } from 'node:stream';
import { closeAfter } from './closing-head.js';
import { type Connection, connectionOf, type Response, type Server } from './connections.js';
import { RequestQueue } from './request-queue.js';

type Emit = (event: string | symbol, ...args: unknown[]) => boolean;

const REQUESTS: readonly unknown[] = ['request', 'checkContinue', 'checkExpectation'];
/** After these Node does something to the socket that what came before must not wait for: index of the socket among the arguments. */
const LAST_WORDS: ReadonlyMap<string | symbol, number> = new Map([
  ['upgrade', 1],
  ['connect', 1],
  ['clientError', 1],
]);

export class Intake {
  readonly #queues = new WeakMap<Connection, RequestQueue>();
  readonly #server: Server;
  readonly #own: PropertyDescriptor | undefined;

  constructor(server: Server) {
    this.#server = server;
    this.#own = Object.getOwnPropertyDescriptor(server, 'emit');
    const emit = server.emit as Emit;
    server.emit = ((event, ...args) => this.#intercept(emit, event, args)) as Emit;
  }

  /** Take over a connection that is ready for requests. */
  add(connection: Connection): void {
    if (connection.latest?.headersSent === false) closeAfter(connection, connection.latest);
    this.#queues.set(connection, new RequestQueue(connection));
  }

  /** Give the server its own `emit` back. */
  end(): void {
    if (this.#own === undefined) Reflect.deleteProperty(this.#server, 'emit');
    else Object.defineProperty(this.#server, 'emit', this.#own);
  }

  #intercept(emit: Emit, event: string | symbol, args: unknown[]): boolean {
    const pass = (): boolean => emit.call(this.#server, event, ...args);
    if (REQUESTS.includes(event)) {
      const response = args[1] as Response;
      const queue = this.#queueOf(response.req.socket);
      if (queue === undefined) return pass();
      queue.receive(response, pass);
      return true;
    }
    const at = LAST_WORDS.get(event);
    if (at !== undefined) this.#queueOf(args[at])?.flush();
    return pass();
  }

  #queueOf(socket: unknown): RequestQueue | undefined {
    const connection = socket instanceof Duplex ? connectionOf(socket) : undefined;
    return connection === undefined ? undefined : this.#queues.get(connection);
  }
}
