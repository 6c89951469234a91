// Follows a log of JSON lines while others write it. A file, not a pipe: a pipe to the test would tie the lives of the writers to its own.
import { closeSync, type FSWatcher, openSync, readSync, watch } from 'node:fs';
import { Patience } from './patience.js';

export interface LogLine {
  readonly event?: string;
  readonly role?: string;
  readonly pid?: number;
  readonly gen?: number;
  readonly slot?: number;
  readonly level?: string | number;
  readonly msg?: string;
  readonly reason?: string;
  readonly [key: string]: unknown;
}

interface Waiting extends Expectation {
  readonly found: (line: LogLine) => void;
  readonly failed: (why: Error) => void;
  readonly patience: Patience;
}

export interface Expectation {
  /** For the message when it does not come. */
  readonly what: string;
  readonly matches: (line: LogLine) => boolean;
  /** Index of the first line that counts. */
  readonly from: number;
  /** Milliseconds; more where the machine has no time for us. */
  readonly timeoutMs: number;
}

/** inotify is not promised on every file system; reading again now and then is. */
const REREAD_MS = 50;

export class LogTail {
  readonly lines: LogLine[] = [];
  readonly #fd: number;
  readonly #watcher: FSWatcher;
  readonly #timer: NodeJS.Timeout;
  readonly #waiting = new Set<Waiting>();
  readonly #chunk = Buffer.alloc(65_536);
  #rest = Buffer.alloc(0);
  #closed = false;

  /** @param path a file that is there already */
  constructor(path: string) {
    this.#fd = openSync(path, 'r');
    this.#watcher = watch(path, () => this.read());
    this.#timer = setInterval(() => this.#turn(), REREAD_MS);
  }

  /** Takes in what has been written by now. */
  read(): void {
    if (this.#closed) return;
    for (let size = this.#readChunk(); size > 0; size = this.#readChunk()) this.#take(this.#chunk.subarray(0, size));
  }

  /** The first line, written already or still to come, that matches; rejects at the time-out or through `giveUp`. */
  expect({ what, matches, from, timeoutMs }: Expectation): Promise<LogLine> {
    this.read();
    const past = this.lines.slice(from).find(matches);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#waiting.delete(waiting);
      };
      const failed = (why: Error) => {
        done();
        reject(why);
      };
      const found = (line: LogLine) => {
        done();
        resolve(line);
      };
      const waiting = { from, matches, found, failed, what, timeoutMs, patience: new Patience(timeoutMs) };
      this.#waiting.add(waiting);
    });
  }

  /** Nobody is left to write what is still awaited. */
  giveUp(why: string): void {
    this.read();
    for (const waiting of this.#waiting) waiting.failed(new Error(`${why}\n${this.last()}`));
  }

  /** The last lines, for a message. */
  last(count = 25): string {
    const shown = this.lines.slice(-count).map((line) => `  ${JSON.stringify(line)}`);
    return `the log's last lines:\n${shown.join('\n')}`;
  }

  close(): void {
    this.read();
    this.#closed = true;
    clearInterval(this.#timer);
    this.#watcher.close();
    closeSync(this.#fd);
  }

  #turn(): void {
    this.read();
    for (const { patience, failed, what, timeoutMs } of this.#waiting) {
      patience.sleep(REREAD_MS);
      if (patience.over) failed(new Error(`waited ${timeoutMs} ms for ${what}\n${this.last()}`));
    }
  }

  #readChunk(): number {
    return readSync(this.#fd, this.#chunk, 0, this.#chunk.length, null);
  }

  #take(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (let end = this.#rest.indexOf(10); end >= 0; end = this.#rest.indexOf(10)) {
      const text = this.#rest.toString('utf8', 0, end);
      this.#rest = this.#rest.subarray(end + 1);
      this.#append(parseLine(text));
    }
  }

  #append(line: LogLine): void {
    const index = this.lines.push(line) - 1;
    for (const waiting of this.#waiting) {
      if (index >= waiting.from && waiting.matches(line)) waiting.found(line);
    }
  }
}

/** An app prints what it likes to the same stream: such a line becomes `{ text }`. */
function parseLine(text: string): LogLine {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as LogLine) : { text };
  } catch {
    return { text };
  }
}

/** Whether a line is of level error or critical, as a label or as pino's number. */
export function isError(line: LogLine): boolean {
  if (typeof line.level === 'number') return line.level >= 50;
  return line.level === 'error' || line.level === 'critical' || line.level === 'fatal';
}
