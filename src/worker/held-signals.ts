/** In the worker, before anything else is loaded: signals go to us, not to the app. Its own handlers would often close its server. */
import { constants } from 'node:os';

export type StopSignal = (typeof STOPS)[number];

/** In the order in which `release` looks for the app's listeners. */
const STOPS = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;
/** Without a listener it would start Node's inspector. */
const REOPEN = 'SIGUSR1';
/** For masters only: without a listener they would kill. */
const IGNORED = ['SIGHUP', 'SIGUSR2', 'SIGWINCH', 'SIGTTIN', 'SIGTTOU'] as const;
const HELD: readonly unknown[] = [...STOPS, REOPEN, ...IGNORED];

type Emit = (event: string | symbol, ...args: unknown[]) => boolean;

export interface HeldSignals {
  /** Who is told of TERM, INT and QUIT, also of those that have come before. */
  onStop(callback: (signal: StopSignal) => void): void;
  /** Who is told of USR1. One that came before has nothing to reopen. */
  onReopen(callback: () => void): void;
  /**
   * The app's turn: calls its listeners for the first of TERM, INT, QUIT that it listens to, once. Resolves when the event loop has
   * nothing left to do (so unref what is yours), at once if the app listens to none, after `limitMs` milliseconds at the latest.
   * Rejects with what a listener threw.
   */
  release(limitMs: number): Promise<void>;
}

/** Hold back every signal that a worker may get. To be called before any other code adds a listener for one of them. */
export function holdSignals(): HeldSignals {
  const early: StopSignal[] = [];
  let stop = (signal: StopSignal): void => void early.push(signal);
  let reopen = (): void => {};
  interceptSignals(
    (signal) => stop(signal),
    () => reopen(),
  );
  keepListening();
  return {
    onStop: (callback) => {
      stop = callback;
      for (const signal of early.splice(0)) callback(signal);
    },
    onReopen: (callback) => {
      reopen = callback;
    },
    release,
  };
}

/** Node binds `process.emit` to a signal when its first listener is added: from then on no later patch of it sees the delivery. */
function interceptSignals(stop: (signal: StopSignal) => void, reopen: () => void): void {
  const emit = process.emit as Emit;
  process.emit = function (this: NodeJS.Process, event: string | symbol, ...args: unknown[]): boolean {
    if (!HELD.includes(event)) return emit.call(this, event, ...args);
    const signal = STOPS.find((each) => each === event);
    if (signal !== undefined) stop(signal);
    else if (event === REOPEN) reopen();
    return true;
  } as typeof process.emit;
}

/** Never called: its presence keeps the signal from its default action. `process.listeners()` shows it beside the app's own. */
function heldByHoldfast(): void {}

function keepListening(): void {
  for (const signal of HELD) process.on(signal as NodeJS.Signals, heldByHoldfast);
  // An app may remove all listeners of a signal, and the next one would kill.
  process.on('removeListener', (event: unknown, listener: unknown) => {
    if (listener === heldByHoldfast) process.on(event as NodeJS.Signals, heldByHoldfast);
  });
}

async function release(limitMs: number): Promise<void> {
  const signal = STOPS.find((each) => listenersOfApp(each).length > 0);
  if (signal === undefined) return;
  const idle = loopIsIdle(limitMs);
  const results = await Promise.race([Promise.allSettled(listenersOfApp(signal).map((listener) => call(listener, signal))), idle]);
  const failed = results?.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  await idle;
}

function listenersOfApp(signal: NodeJS.Signals): NodeJS.SignalsListener[] {
  // Raw: the wrapper of a `once` removes itself.
  return (process.rawListeners(signal) as NodeJS.SignalsListener[]).filter((listener) => listener !== heldByHoldfast);
}

async function call(listener: NodeJS.SignalsListener, signal: NodeJS.Signals): Promise<void> {
  await Reflect.apply(listener, process, [signal, constants.signals[signal]]);
}

/** Resolves when Node would leave by itself, or when the time is up. */
function loopIsIdle(limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, limitMs);
    timer.unref();
    process.once('beforeExit', done);

    function done(): void {
      clearTimeout(timer);
      process.removeListener('beforeExit', done);
      resolve();
    }
  });
}
