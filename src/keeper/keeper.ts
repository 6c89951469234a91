/**
 * The keeper: a stable process in front of generations that come and go (keeper). It is what ^C reaches, what npm and the shell wait
 * for, process 1 of a container, the pid that a supervisor watches. It starts the first master, forwards signals to whoever is in charge, and
 * ends with the last one's exit status.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync } from 'node:fs';
import type { Socket } from 'node:net';
import { Channel } from '../channel/channel.js';
import { TO_KEEPER, type ToKeeper } from '../channel/keeper-messages.js';
import { DRAIN_PATIENCE } from '../channel/worker-messages.js';
import { EXIT, HoldfastError } from '../errors.js';
import { complain } from '../log/complain.js';
import { hasTerminal } from '../sys/controlling-terminal.js';
import { FIRST, inPlace } from '../sys/in-place.js';
import { Charge } from './charge.js';
import type { Orphans } from './orphans.js';
import { type KeeperSignal, meaningOf } from './terminal.js';

export interface KeeperOrder {
  readonly argv: readonly [string, ...string[]];
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  /** Be the parent of those who lose theirs. */
  readonly adopts: boolean;
  /** Milliseconds that a worker's drain may take. */
  readonly gracefulTimeout: number;
  /** The descriptors that the addresses name, which the master is to have under the same numbers. */
  readonly named: readonly number[];
}

export interface Keeper {
  /** Forward it to the master in charge. */
  signal(signal: KeeperSignal): void;
  /** The exit status of the last generation. */
  readonly ended: Promise<number>;
}

export async function keep(order: KeeperOrder): Promise<Keeper> {
  const terminal = hasTerminal();
  let orphans: Orphans | undefined;
  const charge = new Charge(() => orphans?.reap());
  const { first, socket } = start(order);
  const status = statusOfLast(first, socket, charge);
  // Not before the first master is on its way.
  if (order.adopts) orphans = (await import('./orphans.js')).adopt(first, (pid) => charge.bury(pid));
  let hurry = () => {};
  const hurried = new Promise<void>((resolve) => {
    hurry = resolve;
  });
  const ended = status.then((status) => status ?? bereaved());
  return {
    ended,
    signal(signal) {
      const meaning = meaningOf(signal, terminal);
      if (meaning !== undefined) charge.deliver(meaning);
      if (meaning === 'SIGINT' || meaning === 'SIGQUIT') hurry();
    },
  };

  /** The last master was killed. The end of process 1 is everybody's, and the workers are still answering. pid_namespaces(7). */
  async function bereaved(): Promise<number> {
    complain(new HoldfastError(`the master (pid ${charge.last ?? first.pid}) died without a word`));
    if (process.pid === 1) await Promise.race([orphans?.noneLeft(order.gracefulTimeout + DRAIN_PATIENCE), hurried]);
    return EXIT.failed;
  }
}

interface First {
  readonly first: ChildProcess;
  /** To it and to all that follow; out of descriptors there is none. */
  readonly socket: Socket | undefined;
}

function start({ argv: [program, ...args], directory, env, named }: KeeperOrder): First {
  const sockets = [...new Set(named)].filter(isSocket);
  const place = placeBeside(sockets, named);
  const first = spawn(program, args, {
    cwd: directory,
    // A session of its own: ^C is ours to forward, or every worker would get one too.
    detached: true,
    env: { ...env, HOLDFAST_KEEPER: String(place) },
    stdio: ['ignore', 'inherit', 'inherit', ...inPlace(sockets, place), 'pipe'],
  });
  // Only masters listen: a queue that we held open would take in whom nobody serves any more.
  for (const fd of sockets) closeSync(fd);
  return { first, socket: (first.stdio?.at(place) ?? undefined) as Socket | undefined };
}

/** Whatever else is named, the master misses and says so. */
function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    return false;
  }
}

/** Where the first master finds the socket to its keeper: not where it would be taken for one that is missing. */
function placeBeside(sockets: readonly number[], named: readonly number[]): number {
  let place = Math.max(FIRST - 1, ...sockets) + 1;
  while (named.includes(place)) place += 1;
  return place;
}

/** Resolves when all masters have ended; with undefined when the last one was killed. */
function statusOfLast(first: ChildProcess, socket: Socket | undefined, charge: Charge): Promise<number | undefined> {
  let status: number | undefined;
  const message = (message: ToKeeper) => {
    if (message.type === 'here' && charge.last === undefined && first.pid !== undefined) charge.give(first.pid);
    if (message.type === 'charge') {
      status = undefined;
      charge.give(message.pid);
    }
    // Who lost the succession has no say in how the winner ends.
    if (message.type === 'exit' && (charge.pid === undefined || charge.pid === (message.pid ?? charge.pid))) status = message.status;
  };
  const exit = new Promise<number | undefined>((resolve) => {
    first.once('exit', (code) => {
      charge.bury(first.pid ?? 0);
      resolve(code ?? undefined);
    });
  });
  // Before it could say anything through the channel it said it to the operator.
  const unheard = () => (charge.last === undefined ? exit : undefined);
  return new Promise((resolve) => {
    first.once('error', (error) => {
      complain(new HoldfastError(`cannot start the master: ${error.message}`));
      resolve(EXIT.failed);
    });
    // All generations hold the other end: it ends with the last of them.
    if (socket !== undefined) new Channel<ToKeeper, never>(socket, TO_KEEPER, { message, end: () => resolve(status ?? unheard()) });
  });
}
