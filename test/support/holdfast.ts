// Starts Holdfast as an operator would and follows it through its generations: the first process may leave, later masters are nobody's child.
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Exit, endOf, type HoldfastOptions, launch } from './launch.js';
import { isError, type LogLine, LogTail } from './log-tail.js';
import { killMarked, type MarkedProcess, processesMarked } from './marked.js';
import { innerPid } from './pid-namespace.js';
import { type Test, tempDir } from './temp.js';
import { waitFor } from './wait.js';

export type { Exit, HoldfastOptions } from './launch.js';

export interface Wait {
  /** Only lines after this one, or from this index of `log` on. */
  readonly after?: LogLine | number;
  /** Milliseconds, 20 s if not given. */
  readonly timeoutMs?: number;
}

export interface Worker {
  readonly pid: number;
  readonly gen: number;
  readonly slot: number;
}

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** Starts Holdfast and waits until it is ready. Its teardown stops it, and fails the test for what is left alive or logged as an error. */
export async function startHoldfast(t: Test, options: HoldfastOptions = {}): Promise<Holdfast> {
  const holdfast = new Holdfast(t, options);
  if (options.untilReady ?? true) await holdfast.event('master.ready');
  return holdfast;
}

export class Holdfast {
  readonly dir: string;
  readonly mark: string;
  /** The first process. After an upgrade it is usually gone. */
  readonly process: ChildProcess;
  /** The end of the first process. */
  readonly exit: Promise<Exit>;
  readonly pidfile: string | undefined;
  readonly #options: HoldfastOptions;
  readonly #tail: LogTail;

  constructor(t: Test, options: HoldfastOptions) {
    this.#options = options;
    this.dir = tempDir(t);
    this.mark = randomUUID();
    this.pidfile = pidfilePath(options.pidfile ?? true, this.dir);
    for (const name of ['stdout', 'stderr']) writeFileSync(join(this.dir, name), '');
    if (options.logFile !== undefined) writeFileSync(options.logFile, '');
    this.#tail = new LogTail(options.logFile ?? join(this.dir, 'stdout'));
    t.teardown(() => this.#tearDown(t));
    this.process = launch(options, this);
    this.exit = endOf(this.process);
    void this.exit.then((exit) => this.#giveUpIfAllEnded(exit));
  }

  /** The parsed lines so far. Its length now, given as `after`, means "from here on". */
  get log(): readonly LogLine[] {
    this.#tail.read();
    return this.#tail.lines;
  }

  get stderr(): string {
    return readFileSync(join(this.dir, 'stderr'), 'utf8');
  }

  /** The standard output as it stands, lines that are no JSON included. */
  get stdout(): string {
    return readFileSync(join(this.dir, 'stdout'), 'utf8');
  }

  /** The address of the first TCP listener, with the real port. */
  get target(): Target {
    const found = this.addresses.map((address) => /^(.*):(\d+)$/.exec(address)).find((match) => match !== null);
    if (found === undefined) throw new Error(`no listener.bound with a port\n${this.#tail.last()}`);
    return { host: (found[1] ?? '').replace(/^\[(.*)\]$/, '$1'), port: Number(found[2]) };
  }

  get port(): number {
    return this.target.port;
  }

  /** The addresses of `listener.bound`, in order: `127.0.0.1:8000`, `unix:/run/shop.sock`. */
  get addresses(): string[] {
    return this.log.filter((line) => line.event === 'listener.bound').map((line) => String(line.address));
  }

  /** The first line with this event (or one of these), written already or still to come. */
  event(name: string | readonly string[], matches: (line: LogLine) => boolean = () => true, wait: Wait = {}): Promise<LogLine> {
    const names = [name].flat();
    return this.#tail.expect({
      what: `${names.join(' or ')}; stderr: ${this.stderr || 'empty'}`,
      matches: (line) => line.event !== undefined && names.includes(line.event) && matches(line),
      from: this.#indexAfter(wait.after),
      timeoutMs: wait.timeoutMs ?? 20_000,
    });
  }

  /** The first line with such a message, written already or still to come. */
  says(message: RegExp, matches: (line: LogLine) => boolean = () => true, wait: Wait = {}): Promise<LogLine> {
    return this.#tail.expect({
      what: `${message}; stderr: ${this.stderr || 'empty'}`,
      matches: (line) => message.test(line.msg ?? '') && matches(line),
      from: this.#indexAfter(wait.after),
      timeoutMs: wait.timeoutMs ?? 20_000,
    });
  }

  /** The lines with this event so far. */
  events(name: string): LogLine[] {
    return this.log.filter((line) => line.event === name);
  }

  /**
   * The master in charge, from the pidfile; without one, from the log.
   * @throws Error when neither names a pid
   */
  pid(): number {
    return this.pidIn('');
  }

  /** The master that the pidfile of this suffix names: '.2' the candidate, '.oldbin' the retiree. */
  pidIn(suffix: '' | '.2' | '.oldbin'): number {
    const text =
      this.pidfile === undefined ? String(this.events('master.ready').at(-1)?.pid) : readFileSync(`${this.pidfile}${suffix}`, 'utf8');
    const pid = Number(text);
    if (!Number.isInteger(pid) || pid <= 0) throw new Error(`no pid in ${this.pidfile ?? 'master.ready'}: ${JSON.stringify(text)}`);
    return this.#options.processOne === true ? this.fromInside(pid) : pid;
  }

  /**
   * Of a process in the PID namespace, by its number there, the number here.
   * @throws Error when no such process lives
   */
  fromInside(inner: number): number {
    const found = this.processes().find(({ pid }) => pid !== this.process.pid && innerPid(pid) === inner);
    if (found === undefined) throw new Error(`no process ${inner} lives in the PID namespace`);
    return found.pid;
  }

  /** The process that whoever started it watches. */
  keeper(): number {
    const found = this.processes().find(({ role }) => role === 'keeper');
    if (found === undefined) throw new Error('no keeper lives');
    return found.pid;
  }

  /** As `kill -NAME $(cat PIDFILE)`; returns the pid that it went to. */
  signal(name: NodeJS.Signals): number {
    const pid = this.pid();
    process.kill(pid, name);
    return pid;
  }

  /** USR2, and its verdict: the line of `upgrade.done` or `upgrade.rollback`. */
  async upgrade(wait: Omit<Wait, 'after'> = {}): Promise<LogLine> {
    const after = this.log.length;
    const verdict = await this.signalAndWait('SIGUSR2', ['upgrade.done', 'upgrade.rollback'], wait);
    // The old master says this, and without a pidfile only the new one says which is in charge.
    if (this.pidfile === undefined && verdict.event === 'upgrade.done') await this.event('master.ready', undefined, { ...wait, after });
    return verdict;
  }

  /** HUP, and its verdict: the line of `reload.done` or `reload.failed`. */
  reload(wait: Omit<Wait, 'after'> = {}): Promise<LogLine> {
    return this.signalAndWait('SIGHUP', ['reload.done', 'reload.failed'], wait);
  }

  /** A signal to the master in charge, and the first of these events after it. */
  signalAndWait(name: NodeJS.Signals, events: string | readonly string[], wait: Omit<Wait, 'after'> = {}): Promise<LogLine> {
    const after = this.log.length;
    this.signal(name);
    return this.event(events, undefined, { ...wait, after });
  }

  /** Everything of this tree that is alive, by the mark. */
  processes(): MarkedProcess[] {
    return processesMarked(this.mark);
  }

  /** The names of what stands beside the pidfile and belongs to it. */
  strayFiles(): string[] {
    const path = this.pidfile ?? '';
    return readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}.`));
  }

  /** The live workers, of one generation or of all, in order of slot. */
  workers(gen?: number): Worker[] {
    const found = this.processes().filter(({ role, gen: its }) => role === 'worker' && (gen === undefined || its === gen));
    return found
      .map((worker) => ({ pid: worker.pid, gen: worker.gen, slot: worker.slot }))
      .sort((a, b) => a.gen - b.gen || a.slot - b.slot);
  }

  /** TERM, and waits until every process of the tree is gone. */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM');
    await this.gone();
    return this.exit;
  }

  /** Waits until every process of the tree is gone. */
  async gone(ms = this.#options.stopMs ?? 30_000): Promise<void> {
    await waitFor(
      () => this.processes().length === 0,
      ms,
      () => `the end of\n${describe(this.processes())}\n${this.#tail.last()}`,
    );
    this.#tail.read();
  }

  #giveUpIfAllEnded({ status, signal }: Exit): void {
    if (this.processes().length > 0) return;
    this.#tail.giveUp(`all of it has ended, the first process with ${signal ?? status}; stderr: ${this.stderr || 'empty'}`);
  }

  #indexAfter(after: LogLine | number | undefined): number {
    if (typeof after === 'number' || after === undefined) return after ?? 0;
    return this.#tail.lines.indexOf(after) + 1;
  }

  async #tearDown(t: Test): Promise<void> {
    try {
      if (!t.passed) t.log(`${this.#tail.last(60)}\nstderr: ${this.stderr}`);
      else await this.#endInOrder();
    } finally {
      killMarked(this.mark);
      await this.exit;
      this.#tail.close();
    }
    if (t.passed) assertExpected([...errorsIn(this.#tail.lines), ...linesOf(this.stderr)], this.#options.allowErrors ?? []);
  }

  async #endInOrder(): Promise<void> {
    if (this.processes().length === 0) return;
    const asked = this.#askToStop();
    await this.gone().catch((tooLate: Error) => {
      throw new Error(`${asked ? 'left alive after TERM' : 'left alive, and no master to send TERM to'}: ${tooLate.message}`);
    });
  }

  #askToStop(): boolean {
    try {
      this.signal('SIGTERM');
      return true;
    } catch {
      return false;
    }
  }
}

function pidfilePath(wanted: boolean | string, dir: string): string | undefined {
  if (typeof wanted === 'string') return wanted;
  return wanted ? join(dir, 'pid') : undefined;
}

function describe(processes: readonly MarkedProcess[]): string {
  return processes.map(({ pid, ppid, args, role }) => `  ${pid} (${role}, child of ${ppid}): ${args}`).join('\n');
}

function errorsIn(lines: readonly LogLine[]): string[] {
  return lines.filter(isError).map((line) => JSON.stringify(line));
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

function assertExpected(errors: readonly string[], allowed: true | readonly RegExp[]): void {
  if (allowed === true) return;
  const unexpected = errors.filter((error) => !allowed.some((pattern) => pattern.test(error)));
  if (unexpected.length > 0) throw new Error(`unexpected errors were logged:\n${unexpected.join('\n')}`);
}
