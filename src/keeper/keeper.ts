/**
 * The keeper: a stable process in front of generations that come and go (role launcher). On a terminal it is what ^C reaches, what npm and the
 * shell wait for. It starts the first master, forwards signals to whoever is in charge, and ends with the last one's exit status.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { Channel } from '../channel/channel.js';
import { TO_KEEPER, type ToKeeper } from '../channel/keeper-messages.js';
import { EXIT } from '../errors.js';

export interface KeeperOrder {
  readonly argv: readonly [string, ...string[]];
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Where the first master finds the socket to its keeper. */
const KEEPER_FD = 3;

export type KeeperSignal = NodeJS.Signals;

export interface Keeper {
  /** Forward it to the master in charge. */
  signal(signal: KeeperSignal): void;
  /** The exit status of the last generation. */
  readonly ended: Promise<number>;
}

export function keep(order: KeeperOrder): Keeper {
  const [program, ...args] = order.argv;
  const first = spawn(program, args, {
    cwd: order.directory,
    // A session of its own: ^C is ours to forward, or every worker would get one too.
    detached: true,
    env: { ...order.env, HOLDFAST_KEEPER: String(KEEPER_FD) },
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  let inCharge = first.pid;
  /** What nobody could take yet: a signal kills a master that has no handlers, and is lost on a dead one. */
  let waiting: KeeperSignal[] | undefined = [];
  let status: number | undefined;
  const ended = new Promise<number>((resolve) => {
    first.once('error', (error) => {
      process.stderr.write(`holdfast: cannot start the master: ${error.message}\n`);
      resolve(EXIT.failed);
    });
    // All generations hold the other end: it ends with the last of them.
    new Channel<ToKeeper, never>(first.stdio.at(KEEPER_FD) as Socket, TO_KEEPER, {
      message(message) {
        if (message.type === 'exit') status = message.status;
        if (message.type === 'charge') inCharge = message.pid;
        if (message.type === 'exit') return;
        const held = waiting ?? [];
        waiting = undefined;
        for (const signal of held) deliver(signal);
      },
      end: () => {
        if (status === undefined) process.stderr.write(`holdfast: the master (pid ${inCharge}) died without a word\n`);
        resolve(status ?? EXIT.failed);
      },
    });
  });
  return { signal: deliver, ended };

  function deliver(signal: KeeperSignal): void {
    if (waiting !== undefined) waiting.push(signal);
    else if (!forward(signal, inCharge)) waiting = [signal];
  }
}

/** False when nobody is there to take it. */
function forward(signal: KeeperSignal, pid: number | undefined): boolean {
  // The terminal's size changed: no order to drain.
  if (signal === 'SIGWINCH' || pid === undefined) return true;
  try {
    return process.kill(pid, signal === 'SIGHUP' && !hasTerminal() ? 'SIGTERM' : signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** HUP from a terminal that went away is a farewell, not an order to reload. tty(4). */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
