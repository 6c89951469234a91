// Runs in the load's process: one client, its present connection, and what counts as a good answer.
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, ExchangeFailure } from './connection.js';
import type { KindName, LoadOptions } from './report.js';
import type { Response } from './response-parser.js';
import type { Tally } from './tally.js';

/** What a server's timer may be early by and the load's own clock late. */
const IDLE_SLACK_MS = 100;
const CONNECT_MS = 5000;
/** A client that fails at once must not turn into a busy loop. */
const AFTER_FAILURE_MS = 20;

export interface Asked {
  /** Path and query, without `n`. */
  readonly path: string;
  readonly method?: string;
  readonly headers?: readonly string[];
  readonly status?: number;
  /** Checks the body; any will do if not given. */
  readonly body?: (body: string) => boolean;
  /** What the answer takes by its nature, milliseconds. */
  readonly takesMs?: number;
}

export interface Request extends Asked {
  readonly n: string;
}

export class Client {
  readonly options: LoadOptions;
  readonly #kind: KindName;
  readonly #id: number;
  readonly #tally: Tally;
  readonly #stop: AbortSignal;
  #connection: Connection | undefined;
  #sent = 0;

  constructor(options: LoadOptions, kind: KindName, id: number, tally: Tally, stop: AbortSignal) {
    this.options = options;
    this.#kind = kind;
    this.#id = id;
    this.#tally = tally;
    this.#stop = stop;
    stop.addEventListener('abort', () => this.#connection?.nudge());
  }

  /** Does `round` after round until it is told to stop. A round that fails is counted and not repeated. */
  async run(round: (client: Client) => Promise<void>): Promise<void> {
    while (!this.#stop.aborted) {
      try {
        await round(this);
      } catch (error) {
        this.fail(error);
        await this.rest(AFTER_FAILURE_MS);
      }
    }
    this.drop();
  }

  /** The connection of the last exchange if it is still good, else a new one. */
  async connection(): Promise<Connection> {
    this.#judgeIdle();
    this.#connection ??= await Connection.open(this.options.target, CONNECT_MS);
    return this.#connection;
  }

  request(asked: Asked): Request {
    this.#sent += 1;
    return { ...asked, n: `${this.#kind}-${this.#id}-${this.#sent}` };
  }

  /** One GET and its answer. */
  async get(asked: Asked): Promise<void> {
    const request = this.request(asked);
    const connection = await this.connection();
    const from = performance.now();
    connection.write(head(request));
    await this.answer(connection, request);
    if (asked.takesMs === undefined) this.#tally.took(performance.now() - from);
  }

  /**
   * Takes the answer to `request`, counts it, and lets the connection go if it was the last on it.
   * @throws ExchangeFailure when it is not the right one
   */
  async answer(connection: Connection, request: Request): Promise<Response> {
    const sentAt = performance.now();
    try {
      const response = await connection.response((this.options.answerMs ?? 10_000) + (request.takesMs ?? 0));
      this.#check(request, response);
      this.#tally.answered(this.#kind, response.headers.get('x-worker') ?? (/^\d+$/.test(response.body) ? response.body : '?'));
      if (response.last) this.drop();
      return response;
    } catch (error) {
      throw inContext(error, request, connection, performance.now() - sentAt);
    }
  }

  /** Thinks for so long (or until the stop), with the connection open. */
  async rest(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop }).catch(() => {});
  }

  /** Waits until the server ends the connection, but for no more than `ms`. */
  async untilEnded(ms: number): Promise<void> {
    await this.#connection?.untilEnded(ms, () => this.#stop.aborted);
    this.#judgeIdle();
  }

  fail(error: unknown): void {
    const { reason, message } = error instanceof ExchangeFailure ? error : new ExchangeFailure('malformed', String(error));
    this.#tally.failed(this.#kind, reason, message);
    this.drop();
  }

  drop(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  #judgeIdle(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    if (connection.unread) this.fail(new ExchangeFailure('unasked-response', `after ${connection.answers} answers`));
    else if (connection.ended) this.#judgeEnd(connection);
  }

  #judgeEnd({ idleMs, endDetail, answers }: Connection): void {
    if (idleMs >= this.options.keepAliveTimeoutMs - IDLE_SLACK_MS) this.drop();
    else
      this.fail(
        new ExchangeFailure('idle-closed-early', `${endDetail} ${Math.round(idleMs)} ms after the last request, ${answers} answers`),
      );
  }

  #check({ n, status = 200, body }: Request, response: Response): void {
    const said = JSON.stringify(response.body.slice(0, 80));
    if (response.status !== status) throw new ExchangeFailure('wrong-status', `${response.status} ${said}`);
    const echo = response.headers.get('x-n');
    if ((this.options.echoes ?? true) && echo !== n)
      throw new ExchangeFailure('wrong-body', `the answer to ${echo} instead of ${n}: ${said}`);
    if (response.body === '' || body?.(response.body) === false) throw new ExchangeFailure('wrong-body', said);
  }
}

/** The request's head, blank line included. */
export function head({ path, method = 'GET', headers = [], n }: Request): string {
  const lines = [`${method} ${path}${path.includes('?') ? '&' : '?'}n=${n} HTTP/1.1`, 'Host: localhost', ...headers];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function inContext(error: unknown, request: Request, connection: Connection, ms: number): unknown {
  if (!(error instanceof ExchangeFailure)) return error;
  const where = `${request.method ?? 'GET'} ${request.path} (${request.n}), ${Math.round(ms)} ms after it was sent, ${connection.answers} answers before`;
  return new ExchangeFailure(error.reason, `${error.message}: ${where}`);
}
