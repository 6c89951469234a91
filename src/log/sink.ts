/**
 * The descriptor that the log goes to (any role). Not pino's own destination: after a reopen that failed, its next one closes the old descriptor's
 * number twice, which by then may be a listener's.
 */
import { closeSync, writeSync } from 'node:fs';
import { messageOf } from '../errors.js';
import { openLogFile } from './log-file.js';

/** What nobody takes is kept up to here, bytes, and lost from there on. */
const MOST_UNSENT = 256 * 1024;
/** Milliseconds. */
const RETRY_AFTER = 50;
const LAST_PATIENCE = 200;

const STDOUT = 1;

export class Sink {
  readonly #path: string | undefined;
  #fd: number;
  #unsent = Buffer.alloc(0);
  #lost = 0;
  #retry: NodeJS.Timeout | undefined;
  /** Told how many lines were lost, once there is room again. */
  onLoss: (lines: number) => void = () => {};

  /** Appends to the file, or writes to the standard output when it is `-`. Throws HoldfastError, exit 1. */
  constructor(file: string) {
    this.#path = file === '-' ? undefined : file;
    this.#fd = this.#path === undefined ? STDOUT : openLogFile(this.#path);
  }

  /** Never throws, and never waits for a reader who has stopped reading a pipe that does not block: a full disk or a dead terminal stops nobody. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#unsent.length + bytes.length > MOST_UNSENT) this.#lost += 1;
    else this.#unsent = this.#unsent.length === 0 ? bytes : Buffer.concat([this.#unsent, bytes]);
    this.#send();
  }

  /** The file by its name again, somebody may have renamed it. What stands against it; in that case the old one is written to as before. */
  reopen(): string | undefined {
    if (this.#path === undefined) return undefined;
    try {
      const old = this.#fd;
      this.#fd = openLogFile(this.#path);
      closeSync(old);
    } catch (error) {
      return messageOf(error);
    }
    this.#send();
    return undefined;
  }

  /** Before the end of the process: gives a slow reader a last chance. */
  flush(): void {
    const still = new Int32Array(new SharedArrayBuffer(4));
    for (let waited = 0; this.#send() === 'EAGAIN' && waited < LAST_PATIENCE; waited += 10) Atomics.wait(still, 0, 0, 10);
  }

  /** The errno that stopped it. */
  #send(): string | undefined {
    try {
      while (this.#unsent.length > 0) this.#unsent = this.#unsent.subarray(writeSync(this.#fd, this.#unsent));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') this.#sendLater();
      return code;
    }
    this.#ownUp();
    return undefined;
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
