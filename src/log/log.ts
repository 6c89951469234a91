/** The log: one line per thing that happened, JSON or, on a terminal, text (any role). */
import { isatty } from 'node:tty';
import { messageOf } from '../errors.js';
import type { LogLevel, SyslogSettings } from '../settings/index.js';
import type { Event } from './events.js';
import type { Opener } from './log-file.js';
import { Sink } from './sink.js';
import { say } from './stderr.js';
import { openSyslog, type Syslog, severityOf } from './syslog.js';
import { textOf } from './terminal.js';
import { assureWriter, LEVELS, writer } from './writer.js';

export interface Bindings {
  readonly role: 'master' | 'worker' | 'launcher';
  readonly gen: number;
  readonly pid: number;
  readonly name: string;
}

/** What a line has of its own. What every line has cannot be among it: JSON with a key twice is read in as many ways as there are readers. */
export type Fields = { readonly [key: string]: unknown } & {
  readonly [key in keyof Bindings | 'event' | 'level' | 'time' | 'msg']?: never;
};

export interface LogOptions extends Bindings {
  /** Absolute, or `-` for the standard output. */
  readonly file: string;
  readonly level: LogLevel;
  /** Where the lines go, too. */
  readonly syslog?: SyslogSettings;
  /** Who opens the file; this process if not given. */
  readonly opener?: Opener;
}

/** Throws HoldfastError, exit 1, when the file cannot be written, or this platform cannot reach syslog. */
export function openLog({ file, level, syslog: settings, role, gen, pid, name, opener }: LogOptions): Log {
  const syslog = settings === undefined ? undefined : openSyslog(settings, name);
  const sink = new Sink(file, undefined, opener);
  const terminal = file === '-' && isatty(1);
  const log = new Log({ sink, syslog, level, terminal, text: terminal ? textOf() : undefined }, { role, gen, pid, name });
  sink.onLoss = (lines) => log.warning(null, `${lines} lines of the log were lost: nothing could be written`);
  sink.onTrouble = (why) => say(`holdfast: ${why}`);
  if (syslog !== undefined) syslog.onTrouble = (why) => log.warning(null, why);
  return log;
}

interface Target {
  readonly sink: Sink;
  readonly syslog: Syslog | undefined;
  readonly level: LogLevel;
  readonly terminal: boolean;
  readonly text: ((line: string) => string) | undefined;
}

export class Log {
  readonly #target: Target;
  readonly #bindings: object;
  #writer: ReturnType<typeof writer> | undefined;
  #assured = false;

  constructor(target: Target, bindings: object) {
    this.#target = target;
    this.#bindings = bindings;
  }

  /** Whether its lines are seen where standard output is a terminal. */
  get terminal(): boolean {
    return this.#target.terminal;
  }

  /** Whether the standard streams end in its file. */
  get hasStreams(): boolean {
    return this.#target.sink.followed;
  }

  /** Why its file takes nothing just now: there where the standard error is the same file, somebody else has to say it. */
  get trouble(): string | undefined {
    return this.#target.sink.trouble;
  }

  /** Whether debug lines, and so stack traces, are wanted. */
  get debugs(): boolean {
    return this.#target.level === 'debug';
  }

  /** For the standard streams of others. */
  get descriptor(): number {
    return this.#target.sink.descriptor;
  }

  /** Where else its lines go. */
  get syslog(): Syslog | undefined {
    return this.#target.syslog;
  }

  debug(event: Event | null, msg: string, fields?: Fields): void {
    this.#write('debug', event, msg, fields);
  }

  info(event: Event | null, msg: string, fields?: Fields): void {
    this.#write('info', event, msg, fields);
  }

  warning(event: Event | null, msg: string, fields?: Fields): void {
    this.#write('warning', event, msg, fields);
  }

  error(event: Event | null, msg: string, fields?: Fields): void {
    this.#write('error', event, msg, fields);
  }

  critical(event: Event | null, msg: string, fields?: Fields): void {
    this.#write('critical', event, msg, fields);
  }

  /** The same log with more, or other, values in each line: a slot, a generation that is known only now. */
  child(bindings: Partial<Bindings> & { readonly slot?: number }): Log {
    return new Log(this.#target, { ...this.#bindings, ...bindings });
  }

  /** `point` is given the descriptor of the file, if it is one, now and after each reopening. */
  follow(point: (fd: number) => void): void {
    this.#target.sink.follow(point);
  }

  /** The file by its name again, for all children too. If that fails the old one is written to as before, and says so. */
  reopen(): void {
    const failure = this.#target.sink.reopen();
    if (failure !== undefined) this.warning(null, `${failure}; the file that was open is written to as before`);
  }

  /** Whoever wrote to the same file was killed: its last line may have no end. */
  mend(): void {
    this.#target.sink.mend();
  }

  /** Before process.exit(): what a slow reader has not taken yet. Waits 200 ms at most. */
  flush(): void {
    this.#target.sink.flush();
    this.#target.syslog?.flush();
  }

  /** Throws when what a line needs is not there, or may not be read. Should that change before it is loaded, lines go to the standard error. */
  assure(): void {
    assureWriter();
    this.#assured = true;
  }

  /** What a line needs is loaded now, and not with the first line. What stands against it, where it was assured: else that is thrown. */
  prepare(): string | undefined {
    const { sink, syslog, level, text } = this.#target;
    try {
      this.#writer ??= writer(level, this.#bindings, (line) => {
        sink.write(text === undefined ? line : text(line));
        syslog?.send(severityOf(line), line);
      });
      return undefined;
    } catch (error) {
      if (!this.#assured) throw error;
      return messageOf(error).split('\n', 1)[0];
    }
  }

  #write(level: LogLevel, event: Event | null, msg: string, fields: Fields | undefined): void {
    if (LEVELS[level] < LEVELS[this.#target.level]) return;
    const failure = this.prepare();
    if (failure !== undefined) return say(`holdfast: ${msg} (not in the log: ${failure})`);
    this.#writer?.[level](event === null ? { ...fields } : { event, ...fields }, msg);
  }
}
