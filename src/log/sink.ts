/**
 * The descriptor that a log goes to (any role). Not pino's own destination: after a reopen that failed, its next one closes the old descriptor's
 * number twice, which by then may be a listener's.
 */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { messageOf } from '../errors.js';
import { type Opener, openLogFile } from './log-file.js';
import { reasonOf } from './reason.js';
import { STDOUT, streamOf } from './streams.js';

/** What nobody takes is kept up to here, bytes, and lost from there on. */
const MOST_UNSENT = 256 * 1024;
/** What a pipe takes whole or not at all, bytes: the lines of several writers do not mix. PIPE_BUF, pipe(7). */
const ATOMIC = 4096;
/** Milliseconds. */
const RETRY_AFTER = 50;
const LAST_PATIENCE = 200;

const NEWLINE = 10;

export class Sink {
  readonly #path: string | undefined;
  readonly #stream: number | undefined;
  readonly #flag: string | undefined;
  readonly #opener: Opener | undefined;
  #fd: number;
  #isFile: boolean;
  #unsent = Buffer.alloc(0);
  #lost = 0;
  #trouble: string | undefined;
  #retry: NodeJS.Timeout | undefined;
  #point: ((fd: number) => void) | undefined;
  /** Told how many lines were lost, once there is room again. */
  onLoss: (lines: number) => void = () => {};
  /** Told once that a file cannot be written, and why; again only after it could. */
  onTrouble: (why: string) => void = () => {};

  /**
   * Appends to the file, or writes to the standard stream that it names. Throws HoldfastError, exit 1.
   * @param flag the option that names it
   * @param opener who opens the file; this process if not given
   */
  constructor(file: string, flag?: string, opener?: Opener) {
    this.#stream = streamOf(file);
    this.#path = this.#stream === undefined ? file : undefined;
    this.#flag = flag;
    this.#opener = opener;
    this.#fd = this.#stream === undefined ? openLogFile(file, flag, opener) : unblocked(this.#stream);
    this.#isFile = fstatSync(this.#fd).isFile();
  }

  /** Why nothing can be written to the file just now. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  get followed(): boolean {
    return this.#point !== undefined;
  }

  /** Does nothing for a standard stream. */
  follow(point: (fd: number) => void): void {
    if (this.#path === undefined) return;
    this.#point = point;
    point(this.#fd);
  }

  /** What others may write to, beside us. */
  get descriptor(): number {
    return this.#stream ?? this.#fd;
  }

  /**
   * Whole lines, so many of them. Never throws, and never waits for a reader who has stopped reading a pipe: a full disk or a dead terminal
   * stops nobody.
   */
  write(text: string, lines = 1): void {
    const bytes = Buffer.from(text);
    if (this.#unsent.length + bytes.length > MOST_UNSENT) this.#lost += lines;
    else this.#unsent = this.#unsent.length === 0 ? bytes : Buffer.concat([this.#unsent, bytes]);
    this.#send();
  }

  /** The file by its name again, somebody may have renamed it. What stands against it; in that case the old one is written to as before. */
  reopen(): string | undefined {
    if (this.#path === undefined) return undefined;
    try {
      const old = this.#fd;
      this.#fd = openLogFile(this.#path, this.#flag, this.#opener);
      this.#isFile = fstatSync(this.#fd).isFile();
      this.#point?.(this.#fd);
      closeSync(old);
    } catch (error) {
      return messageOf(error);
    }
    this.#send();
    return undefined;
  }

  /** Somebody who wrote there was killed, perhaps in the midst of a line: the next one is not to be its end. write(2) */
  mend(): void {
    if (this.#isFile && this.#unsent.length === 0 && isCut(this.#fd)) this.#beginLine();
  }

  /** Before the end of the process: gives a slow reader a last chance. */
  flush(): void {
    const still = new Int32Array(new SharedArrayBuffer(4));
    for (let waited = 0; this.#send() === 'EAGAIN' && waited < LAST_PATIENCE; waited += 10) Atomics.wait(still, 0, 0, 10);
  }

  /** What is unsent is lost. */
  close(): void {
    if (this.#fd !== this.#stream) closeSync(this.#fd);
  }

  /** The errno that stopped it. */
  #send(): string | undefined {
    try {
      while (this.#unsent.length > 0) {
        const piece = this.#isFile ? this.#unsent : wholeLines(this.#unsent);
        this.#sent(piece.length, writeSync(this.#fd, piece));
      }
    } catch (error) {
      return this.#stopped(error as NodeJS.ErrnoException);
    }
    this.#trouble = undefined;
    this.#ownUp();
    return undefined;
  }

  #sent(asked: number, written: number): void {
    const cut = written < asked && this.#isFile && this.#unsent[written - 1] !== NEWLINE;
    // The disk is full in the midst of a line. Others write to the file as well: the line is written again from its beginning when it can be.
    const from = cut ? this.#unsent.lastIndexOf(NEWLINE, written - 1) + 1 : written;
    this.#unsent = this.#unsent.subarray(from);
    if (cut) this.#beginLine();
  }

  /** What stands before it in the file may be the beginning of a line, ours or another writer's. */
  #beginLine(): void {
    if (this.#unsent[0] !== NEWLINE) this.#unsent = Buffer.concat([Buffer.of(NEWLINE), this.#unsent]);
  }

  #stopped(error: NodeJS.ErrnoException): string | undefined {
    if (error.code === 'EAGAIN') this.#sendLater();
    // A reader who has gone is nobody's trouble.
    else if (this.#isFile || this.#path !== undefined)
      this.#fileStopped(this.#path ?? `the standard ${this.#stream === STDOUT ? 'output' : 'error'}`, error);
    return error.code;
  }

  #fileStopped(path: string, error: NodeJS.ErrnoException): void {
    this.#beginLine();
    if (this.#trouble !== undefined) return;
    this.#trouble = `cannot write ${path}: ${reasonOf(error)} (what is logged meanwhile is kept as far as memory for it reaches)`;
    this.onTrouble(this.#trouble);
  }

  #sendLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#send();
    }, RETRY_AFTER).unref();
  }

  #ownUp(): void {
    const lost = this.#lost;
    this.#lost = 0;
    if (lost > 0) this.onLoss(lost);
  }
}

/** Whether a file ends within a line. Ours is open for writing only; where it cannot be read nobody knows. */
function isCut(fd: number): boolean {
  try {
    const reading = openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY);
    try {
      const last = Buffer.alloc(1);
      return readSync(reading, last, 0, 1, Math.max(0, fstatSync(reading).size - 1)) === 1 && last[0] !== NEWLINE;
    } finally {
      closeSync(reading);
    }
  } catch {
    return false;
  }
}

/** As many as a pipe takes at once, at least one. */
function wholeLines(bytes: Buffer): Buffer {
  if (bytes.length <= ATOMIC) return bytes;
  const last = bytes.lastIndexOf(NEWLINE, ATOMIC - 1);
  const end = last >= 0 ? last : bytes.indexOf(NEWLINE, ATOMIC);
  return end < 0 ? bytes : bytes.subarray(0, end + 1);
}

/**
 * A pipe that blocks would stop us as soon as its reader stops. Whether it does belongs to the open file description, which the processes that
 * share it may rely on: so another one is made of the same pipe. open(2), proc(5)
 */
function unblocked(stream: number): number {
  try {
    if (!fstatSync(stream).isFIFO()) return stream;
    return openSync(`/proc/self/fd/${stream}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    // After a drop of privileges it may not be opened any more, and elsewhere there is no such file.
    return stream;
  }
}
