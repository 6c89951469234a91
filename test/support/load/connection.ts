// Runs in the load's process: one raw connection that knows what became of it, and never retries.
import { closeSync } from 'node:fs';
import { type Socket, Socket as TcpSocket } from 'node:net';
import { setNonBlocking } from '#src/sys/descriptors.js';
import { C, connect, socket as newSocket } from '#src/sys/sockets.js';
import { alarm } from '../patience.js';
import type { Reason, Target } from './report.js';
import { type Response, ResponseParser } from './response-parser.js';

/** Why an exchange failed. */
export class ExchangeFailure extends Error {
  constructor(
    readonly reason: Reason,
    detail: string,
  ) {
    super(detail);
  }
}

const CONNECT_FAILURES: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: 'connect-refused',
  // A unix socket's path that is missing refuses just as well.
  ENOENT: 'connect-refused',
  ECONNRESET: 'connect-reset',
  ETIMEDOUT: 'connect-timeout',
};

export class Connection {
  readonly #socket: Socket;
  readonly #parser = new ResponseParser();
  readonly #responses: Response[] = [];
  #changed: () => void = () => {};
  #end: { readonly reset: boolean; readonly detail: string; readonly at: number } | undefined;
  #malformed: string | undefined;
  /** How many responses were taken off it. */
  answers = 0;
  #lastWriteAt = performance.now();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#receive(String(bytes)));
    socket.on('end', () => this.#over(false, 'end of file'));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#over(true, error.code ?? error.message));
    socket.on('close', () => this.#over(false, 'closed'));
  }

  /** @throws ExchangeFailure connect-refused, connect-reset, connect-timeout, connect-failed */
  static open(target: Target, timeoutMs: number): Promise<Connection> {
    if ('abstract' in target) return openAbstract(target.abstract).then((socket) => new Connection(socket));
    return new Promise((resolve, reject) => {
      const socket = new TcpSocket();
      socket.setEncoding('latin1');
      const fail = (reason: Reason, detail: string) => {
        callOff();
        socket.destroy();
        reject(new ExchangeFailure(reason, detail));
      };
      const callOff = alarm(timeoutMs, () => fail('connect-timeout', `no connection after ${timeoutMs} ms`));
      const failed = (error: NodeJS.ErrnoException) =>
        fail(CONNECT_FAILURES[error.code ?? ''] ?? 'connect-failed', error.code ?? error.message);
      socket.once('error', failed);
      socket.once('connect', () => {
        callOff();
        socket.off('error', failed);
        resolve(new Connection(socket));
      });
      socket.connect('path' in target ? { path: target.path } : { host: target.host, port: target.port });
    });
  }

  /** Whether the server has ended it. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** From the last write to the server's end of it, milliseconds: never shorter than the server's own idle time, so a busy load accuses nobody wrongly. */
  get idleMs(): number {
    return (this.#end?.at ?? performance.now()) - this.#lastWriteAt;
  }

  get endDetail(): string {
    return this.#end?.detail ?? 'open';
  }

  /** Whether something came that nobody has taken yet. */
  get unread(): boolean {
    return this.#responses.length > 0 || this.#parser.within;
  }

  write(bytes: string): void {
    this.#lastWriteAt = performance.now();
    if (!this.ended) this.#socket.write(bytes, 'latin1');
  }

  /** Like a client that reads only once it has sent everything: an RST in between costs it the response. */
  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  /**
   * The next response in order.
   * @throws ExchangeFailure when it does not come whole within `timeoutMs`
   */
  async response(timeoutMs: number): Promise<Response> {
    const settled = await this.#until(() => this.#responses.length > 0 || this.#malformed !== undefined || this.ended, timeoutMs);
    const response = this.#responses.shift();
    if (response !== undefined) {
      this.answers += 1;
      return response;
    }
    if (!settled) throw new ExchangeFailure('no-answer', `nothing whole after ${timeoutMs} ms`);
    throw this.#malformed === undefined ? this.#lost() : new ExchangeFailure('malformed', this.#malformed);
  }

  /** Resolves when the server ends it (true) or the time is up (false), milliseconds; `stopped` cuts the wait short. */
  untilEnded(ms: number, stopped: () => boolean): Promise<boolean> {
    return this.#until(() => this.ended || stopped(), ms).then(() => this.ended);
  }

  /** Wakes whoever waits here, to look at its `stopped`. */
  nudge(): void {
    this.#changed();
  }

  close(): void {
    this.#socket.destroy();
  }

  #lost(): ExchangeFailure {
    const how = this.#end?.reset ? 'reset' : 'closed';
    return new ExchangeFailure(`${how}-${this.#parser.within ? 'within' : 'before'}-response`, this.endDetail);
  }

  #until(condition: () => boolean, ms: number): Promise<boolean> {
    if (condition()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (met: boolean) => {
        callOff();
        this.#changed = () => {};
        resolve(met);
      };
      const callOff = alarm(ms, () => finish(false));
      this.#changed = () => {
        if (condition()) finish(true);
      };
    });
  }

  #receive(text: string): void {
    try {
      this.#responses.push(...this.#parser.push(text));
    } catch (error) {
      this.#malformed = String(error);
    }
    this.#changed();
  }

  #over(reset: boolean, detail: string): void {
    if (this.#end !== undefined) return;
    this.#end = { reset, detail, at: performance.now() };
    const last = reset ? undefined : this.#parser.end();
    if (last !== undefined) this.#responses.push(last);
    this.#changed();
  }
}

/** Node's own client, up to 20 at least, fills an abstract name up with NULs. */
async function openAbstract(name: string): Promise<Socket> {
  const fd = newSocket(C.AF_UNIX);
  try {
    setNonBlocking(fd);
    connect(fd, Buffer.concat([new Uint8Array(new Uint16Array([C.AF_UNIX]).buffer), Buffer.from(`\0${name}`)]));
  } catch (error) {
    closeSync(fd);
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new ExchangeFailure(CONNECT_FAILURES[code] ?? 'connect-failed', code || message);
  }
  return new TcpSocket({ fd, readable: true, writable: true }).setEncoding('latin1');
}
