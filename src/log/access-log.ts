/** The access log (worker): lines are collected for a moment and written at once, for a write(2) costs as much as five lines. */
import { messageOf } from '../errors.js';
import type { Log } from './log.js';
import type { Opener } from './log-file.js';
import { Sink } from './sink.js';

/** Characters, and milliseconds: what a worker that is killed takes with it at most. */
const BATCH = 64 * 1024;
const MOMENT = 10;
const FLAG = '--access-logfile';

/** Throws HoldfastError, exit 1, when the file cannot be opened: for those who want to know before they start. */
export function checkAccessLog(file: string, opener?: Opener): void {
  new Sink(file, FLAG, opener).close();
}

export class AccessLog {
  readonly #file: string | undefined;
  readonly #log: Log;
  /** None as long as the file cannot be opened. */
  #sink: Sink | undefined;
  #trouble: string | undefined;
  #batch = '';
  #lines = 0;
  #timer: NodeJS.Timeout | undefined;

  /** To a file (absolute, or `-` for the standard output), to where `log` has syslog, or both. A file that cannot be opened is said and done without. */
  constructor(file: string | undefined, log: Log) {
    this.#file = file;
    this.#log = log;
    this.#open();
  }

  /** Why there is none, if there is none. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** One line, without its newline. Never throws. */
  add(line: string): void {
    this.#log.syslog?.sendAccess?.(line);
    if (this.#sink === undefined) return;
    this.#batch += `${line}\n`;
    this.#lines += 1;
    if (this.#lines === 1) this.#timer = setTimeout(this.flush, MOMENT).unref();
    else if (this.#batch.length > BATCH) this.flush();
  }

  /** Everything so far. */
  readonly flush = (): void => {
    clearTimeout(this.#timer);
    const [batch, lines] = [this.#batch, this.#lines];
    this.#batch = '';
    this.#lines = 0;
    if (lines > 0) this.#sink?.write(batch, lines);
  };

  /** The file by its name again; what was said before goes to the old one. */
  reopen(): void {
    this.flush();
    if (this.#sink === undefined) return this.#open();
    const failure = this.#sink.reopen();
    if (failure !== undefined) this.#log.warning(null, `${failure}; the file that was open is written to as before`);
  }

  /** Before the end of the process. */
  end(): void {
    this.flush();
    this.#sink?.flush();
  }

  #open(): void {
    if (this.#file === undefined) return;
    this.#trouble = undefined;
    try {
      this.#sink = new Sink(this.#file, FLAG);
      this.#sink.onLoss = (lines) => this.#log.warning(null, `${lines} lines of the access log were lost: nothing could be written`);
      this.#sink.onTrouble = (why) => this.#log.warning(null, why);
    } catch (error) {
      this.#trouble = `${messageOf(error)}; there is no access log of this worker until USR1 finds it`;
      this.#log.warning(null, this.#trouble);
    }
  }
}
