/** A worker (worker): loads the app in private, says ready, accepts when told to, drains when told to or when nobody holds its lease. */
import { closeSync, writeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { Channel } from '../channel/channel.js';
import { encodeFrame } from '../channel/frames.js';
import { type Boot, DRAIN_PATIENCE, type FromWorker, TO_WORKER, type ToWorker, WORKER_FDS } from '../channel/worker-messages.js';
import { EXIT, HoldfastError, messageOf, printable } from '../errors.js';
import type { Log } from '../log/log.js';
import { outliveTerminal } from '../sys/dead-terminal.js';
import { type Acceptors, listenOn } from './acceptors.js';
import { closeAgain, hearAppClose } from './app-close.js';
import { type Connections, trackConnections } from './connections.js';
import { drain, drainLimit } from './drain.js';
import type { HeldSignals } from './held-signals.js';
import { type App, cannotLoad, loadApp } from './load-app.js';
import { Logs } from './logs.js';
import { probe } from './probe.js';
import { watchLimits } from './spent.js';
import { startWatchdog, type Watchdog } from './watchdog.js';

/** What a worker that serves nobody may take to leave when its lease ends. Milliseconds. */
const UNREADY_LIMIT = 1_000;
/** A worker that is ready and waits longer than this to accept has its watchdog meanwhile. Milliseconds. */
const WATCHED_AFTER = 1_000;
/** What it takes to hand over, generously: only then is loaded what nobody has needed so far. Milliseconds. */
const PREPARED_AFTER = 100;
/** Characters of what an app says when it fails. */
const LONGEST = 8_000;
/** What a substitute may take until it accepts. Milliseconds. */
const SUBSTITUTE_LIMIT = 10_000;

interface Loaded {
  readonly boot: Boot;
  readonly app: App;
  readonly connections: Connections;
  readonly log: Log;
  /** A second descriptor for a listener; undefined where each is served once, and then closed. */
  readonly copy: ((fd: number) => number) | undefined;
}

export class Worker {
  readonly #signals: HeldSignals;
  #watchdog: Watchdog | undefined;
  /** What the kernel does in its place until then, as a descriptor. */
  #guard: number | undefined;
  /** How long it may take to leave. Milliseconds. */
  #limit = UNREADY_LIMIT;
  /** What it has told its master that a drain may take; 0 before. Milliseconds. */
  #drainLimit = 0;
  readonly #channel: Channel<ToWorker, FromWorker>;
  #logs: Logs | undefined;
  #loaded: Loaded | undefined;
  #accepting: Promise<void> | undefined;
  #acceptors: Acceptors | undefined;
  /** What the app wants to have called when its server is closed. */
  readonly #closing: (() => void)[] = [];
  #giveBackClose = (): void => {};
  /** What it is to be: it knows by now. */
  #spec: string | undefined;
  #leaving = false;
  #heartbeat: NodeJS.Timeout | undefined;
  #endLimits = (): void => {};

  constructor(signals: HeldSignals) {
    this.#signals = signals;
    outliveTerminal();
    // The end of the channel says nothing: our master may be dead, and another one may want us to go on. The lease decides.
    this.#channel = new Channel<ToWorker, FromWorker>(WORKER_FDS.channel, TO_WORKER, {
      message: (message) => this.#hear(message),
      end: () => {
        if (this.#spec === undefined) process.exit(EXIT.failed);
      },
    });
    signals.onReopen(() => this.#logs?.reopen());
    signals.onStop((signal) => (signal === 'SIGTERM' ? this.#askToLeave() : process.exit(EXIT.ok)));
    process.on('uncaughtExceptionMonitor', (error) => this.#lastWords(error));
  }

  #hear(message: ToWorker): void {
    switch (message.type) {
      case 'boot':
        this.#boot(message).catch((error: unknown) => this.#fail(error));
        return;
      case 'accept':
        if (this.#loaded === undefined || this.#leaving) return;
        this.#accepting = this.#accept(this.#loaded, message.positions).catch((error: unknown) => this.#fail(this.#blame(error)));
        return;
      case 'serve':
        this.#accepting = this.#accepting?.then(() => this.#serve(message.positions)).catch((error: unknown) => this.#fail(error));
        return;
      case 'drain':
        return this.#leave();
      case 'quit':
        return process.exit(EXIT.ok);
      case 'reopen':
        return this.#logs?.reopen();
    }
  }

  async #boot(boot: Boot): Promise<void> {
    process.title = `holdfast: worker [${printable(boot.name)}] gen ${boot.generation} slot ${boot.slot}`;
    this.#spec = boot.app;
    // It may have been started before that was known.
    process.env['HOLDFAST_GENERATION'] = String(boot.generation);
    if (typeof boot.guard === 'number') this.#guard = boot.guard;
    else this.#watch();
    if (boot.identity !== null) (await import('./become.js')).become(boot.identity, boot);
    // First of all: a reopening may be ordered at any time.
    const logs = new Logs(boot);
    this.#logs = logs;
    const app = await loadApp(boot.app, boot.cwd);
    if (boot.keepAliveAsked || app.ours) promise(app.server, boot.keepAlive);
    const connections = trackConnections(app.server);
    if (boot.probe !== null) await probe(app.server, boot.probe, { timeoutMs: boot.probeTimeout });
    logs.followExchanges(app.server);
    const { log } = logs;
    // Our directory may be gone when a sibling dies.
    const copy = boot.reusePort ? (await import('../sys/descriptors.js')).duplicate : undefined;
    this.#loaded = { boot, app, connections, log, copy };
    if (boot.heartbeat > 0) this.#heartbeat = setInterval(() => this.#channel.send({ type: 'alive' }), boot.heartbeat);
    this.#allow(this.#loaded);
    this.#channel.send({ type: 'ready', drainLimit: this.#drainLimit, ...(logs.troubles.length === 0 ? {} : { troubles: logs.troubles }) });
    setTimeout(() => this.#watch(), WATCHED_AFTER).unref();
    // While the master makes up its mind: who cannot log must not be the one that serves.
    log.assure();
  }

  /** By the keep-alive timeout that its server has now. */
  #allow({ boot, app, log }: Loaded): void {
    const limit = drainLimit(boot.gracefulTimeout, app.server.keepAliveTimeout);
    if (limit === this.#drainLimit) return;
    this.#drainLimit = limit;
    if (limit > boot.gracefulTimeout)
      log.info(null, `a drain may take ${limit / 1000} s, for the keep-alive timeout is longer than --graceful-timeout`);
    this.#limit = limit + DRAIN_PATIENCE;
    this.#watchdog?.allow(this.#limit);
  }

  /**
   * Before anybody is served, for whoever is stuck then cannot start it any more; but not while it is waited for, for it takes as much of the
   * processors as a whole start of Node. Up to here the kernel ends a worker whose last master is gone, and its master one that is not ready in time.
   */
  #watch(): void {
    if (this.#watchdog !== undefined) return;
    this.#watchdog = startWatchdog({ order: WORKER_FDS.abort, lease: WORKER_FDS.lease, limit: this.#limit });
    this.#watchdog.leaseEnded.then(
      () => this.#leave(),
      (error: unknown) => this.#unwatched(error),
    );
    if (this.#guard !== undefined) closeSync(this.#guard);
  }

  async #accept(loaded: Loaded, positions = allOf(loaded.boot)): Promise<void> {
    const { app, boot, connections, log, copy } = loaded;
    this.#watch();
    this.#acceptors = await listenOn(app.server, positions.map(descriptorAt), boot.backlog, copy);
    this.#giveBackClose = hearAppClose(app.server, (callback) => {
      this.#closing.push(callback);
      this.#leave();
    });
    // libuv asks the kernel for connections from its next poll on, and the worker before this one must not stop until then. We come from
    // a poll: the first immediate follows that one, the second the next.
    await setImmediate();
    await setImmediate();
    // A listener of 'listening' may have changed it.
    this.#allow(loaded);
    this.#channel.send({ type: 'accepting', drainLimit: this.#drainLimit });
    this.#endLimits = watchLimits(
      connections,
      { requests: boot.maxRequests, memory: boot.maxMemory },
      {
        spent: (why) => this.#channel.send({ type: 'spent', why }),
        pointless: (what) => log.warning(null, what),
      },
    );
    // Not before, for it takes as long as the start of a small app. Whoever has something to say sooner loads it then.
    setTimeout(() => log.prepare(), PREPARED_AFTER).unref();
  }

  /** With --reuse-port: a sibling's listeners, for as long as it has no worker. */
  async #serve(positions: readonly number[]): Promise<void> {
    if (!this.#leaving) await this.#acceptors?.serve(positions.map(descriptorAt));
  }

  /** TERM from somebody: our master finds a substitute first, if there is a master. */
  #askToLeave(): void {
    if (this.#acceptors === undefined || !this.#channel.open) return this.#leave();
    this.#channel.send({ type: 'leaving' });
    setTimeout(() => this.#leave(), SUBSTITUTE_LIMIT).unref();
  }

  /** Nobody would end it, were it stuck. */
  #unwatched(error: unknown): void {
    if (this.#loaded === undefined) return this.#fail(error);
    this.#loaded.log.warning(null, `the watchdog has ended: ${messageOf(error)}; this worker asks to be replaced`);
    this.#askToLeave();
  }

  /** The only way out, however it was ordered. */
  #leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    if (this.#loaded === undefined) process.exit(EXIT.ok);
    this.#channel.send({ type: 'draining' });
    this.#drain(this.#loaded).catch((error: unknown) => this.#fail(error));
  }

  async #drain({ boot, app, connections, log, copy }: Loaded): Promise<void> {
    // Told to accept and to drain in one breath: whoever is accepted by then is served.
    await this.#accepting;
    this.#endLimits();
    this.#acceptors?.stop();
    if (copy !== undefined) for (const position of allOf(boot)) closeSync(descriptorAt(position));
    // More than our master knows of would end in its killing us.
    const deadlineMs = Math.min(drainLimit(boot.gracefulTimeout, app.server.keepAliveTimeout), this.#drainLimit);
    log.info('drain.start', `draining ${connections.size} connection${connections.size === 1 ? '' : 's'}`, {
      connections: connections.size,
    });
    const { answered, destroyed, durationMs } = await drain(connections, {
      deadlineMs,
      onListenerError: (error) => log.warning(null, `the app's holdfast:drain listener failed: ${messageOf(error)}`),
    });
    const cut = Object.entries(destroyed).filter(([, count]) => count > 0);
    const what = cut.length === 0 ? 'nothing was cut' : `cut at the deadline: ${cut.map(([kind, count]) => `${count} ${kind}`).join(', ')}`;
    log[cut.length === 0 ? 'info' : 'warning']('drain.end', `the last connection is gone, ${what}`, {
      answered,
      destroyed,
      durationMs: Math.round(durationMs),
    });
    this.#giveBackClose();
    for (const callback of this.#closing) process.nextTick(callback);
    closeAgain(app.server);
    this.#letGo();
    await this.#signals.release(deadlineMs - durationMs);
    log.flush();
    this.#channel.send({ type: 'farewell' }, () => process.exit(EXIT.ok));
  }

  /** What is left of the event loop is the app's own. */
  #letGo(): void {
    this.#channel.unref();
    this.#heartbeat?.unref();
    this.#logs?.log.syslog?.unref();
  }

  #fail(error: unknown): void {
    const status = error instanceof HoldfastError ? error.exitStatus : EXIT.boot;
    this.#say(status, error);
    process.exit(status);
  }

  /** The app threw where nobody caught it, and Node is about to end this process. */
  #lastWords(error: unknown): void {
    if (this.#acceptors !== undefined || this.#spec === undefined) return this.#say(EXIT.failed, error);
    const failure = cannotLoad(this.#spec, error);
    // Node would write a stack where one line is promised; but an app that catches this may go on.
    if (process.listenerCount('uncaughtException') === 0 && !process.hasUncaughtExceptionCaptureCallback()) this.#fail(failure);
    else this.#say(EXIT.app, failure);
  }

  /** An app that listens by itself is found out here at the latest. */
  #blame(error: unknown): unknown {
    const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
    return code === 'ERR_SERVER_ALREADY_LISTEN' ? cannotLoad(this.#spec ?? '', error) : error;
  }

  /** Written at once: there may be no next turn. */
  #say(status: number, error: unknown): void {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const stack = cause instanceof Error ? (cause.stack ?? '') : '';
    try {
      writeSync(WORKER_FDS.channel, encodeFrame({ type: 'failed', status, reason: short(messageOf(error)), stack: short(stack) }));
    } catch {
      // The master is gone.
    }
  }
}

function allOf({ listeners }: Boot): readonly number[] {
  return Array.from({ length: listeners }, (_, position) => position);
}

function descriptorAt(position: number): number {
  return WORKER_FDS.listeners + position;
}

/** A message has a limit, and a line of the log should have one. */
function short(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)} ...`;
}

/** As long as an idle connection is kept; 0 is not at all, where Node would take it for ever. Milliseconds. */
function promise(server: App['server'], keepAlive: number): void {
  server.keepAliveTimeout = keepAlive;
  if (keepAlive === 0) server.maxRequestsPerSocket = 1;
}
