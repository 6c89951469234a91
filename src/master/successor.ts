/**
 * The next master as this one sees it (master): double-forked, so that it is nobody's child when it reports to systemd,
 * and known by its channel and its process groups alone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { Channel, type ChannelEnd } from '../channel/channel.js';
import { claimSuccession, createLease, createSuccession, type Lease } from '../channel/lease.js';
import {
  type BoundFile,
  CANDIDATE_FDS,
  FROM_CANDIDATE,
  type FromCandidate,
  HANDOVER_VERSION,
  type Handover,
  type ToCandidate,
} from '../channel/master-messages.js';
import { HoldfastError } from '../errors.js';
import { intermediate } from '../sys/intermediate.js';
import { anyAlive, killGroup, killProcess } from '../sys/process-group.js';
import { spawnFailure } from '../sys/spawn-failure.js';
import { LastWords } from './last-words.js';

export interface SuccessorOrder {
  readonly argv: readonly [string, ...string[]];
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  /** HOLDFAST_FDS, and the descriptors in its order. */
  readonly encodedListeners: string;
  readonly listeners: readonly number[];
  readonly handover: Handover;
  /** The writing end of the incumbent's lease, and the right to succeed it. */
  readonly lease: number;
  readonly succession: number;
  readonly keeper: number | undefined;
}

export interface SuccessorListener {
  message(message: FromCandidate): void;
  end(how: ChannelEnd): void;
}

export class Successor {
  /** What it wrote to stderr before it could log. */
  readonly words = new LastWords();
  /** Of unix sockets that it has bound. */
  files: readonly BoundFile[] = [];
  /** Positions of the listeners that it goes on with. */
  kept: readonly number[] = [];
  /** How long its drain may take, in milliseconds, as far as it has said. */
  drainLimit = 0;
  /** Its workers' lease, which both masters hold. */
  readonly #lease: Lease = createLease();
  readonly #succession = createSuccession();
  readonly #channel: Channel<FromCandidate, ToCandidate>;
  readonly #groups: number[] = [];
  #pid: number | undefined;
  #leaseHeld = true;
  #claimed: boolean | undefined;

  constructor(order: SuccessorOrder, listener: SuccessorListener) {
    const stdio: (number | 'ignore' | 'inherit' | 'pipe')[] = ['ignore', 'inherit', this.words.fd ?? 'inherit', ...order.listeners];
    const place = (position: number, what: number | 'pipe') => {
      stdio[3 + order.listeners.length + position] = what;
    };
    place(CANDIDATE_FDS.channel, 'pipe');
    place(CANDIDATE_FDS.leaseReading, this.#lease.reading);
    place(CANDIDATE_FDS.leaseWriting, this.#lease.writing);
    place(CANDIDATE_FDS.incumbentLease, order.lease);
    place(CANDIDATE_FDS.incumbentSuccession, order.succession);
    place(CANDIDATE_FDS.succession, this.#succession);
    place(CANDIDATE_FDS.stderr, 2);
    if (order.keeper !== undefined) place(CANDIDATE_FDS.keeper, order.keeper);
    const child = this.#spawn(order, stdio);
    // Out of descriptors: what spawn(3) was given is not there at all.
    const socket = child.stdio?.at(3 + order.listeners.length + CANDIDATE_FDS.channel) as Socket | null | undefined;
    child.once('error', (error) =>
      listener.message({ type: 'failed', status: 1, reason: `cannot start the candidate: ${spawnFailure(error, order.directory)}` }),
    );
    if (socket === null || socket === undefined) {
      this.#closeDescriptors();
      throw new HoldfastError('no descriptors are left (ulimit -n)');
    }
    if (child.pid !== undefined) this.#groups.push(child.pid);
    this.#channel = new Channel<FromCandidate, ToCandidate>(socket, FROM_CANDIDATE, listener);
    this.#channel.send(order.handover);
  }

  #spawn(order: SuccessorOrder, stdio: (number | 'ignore' | 'inherit' | 'pipe')[]): ChildProcess {
    const [shell, ...args] = intermediate(order.argv, stdio.length);
    const env = {
      ...order.env,
      PWD: order.directory,
      HOLDFAST_HANDOVER: String(HANDOVER_VERSION),
      HOLDFAST_FDS: order.encodedListeners,
      HOLDFAST_PREDECESSOR: String(process.pid),
    };
    try {
      return spawn(shell, args, { cwd: order.directory, detached: true, env, stdio });
    } catch (error) {
      this.#closeDescriptors();
      throw error;
    }
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  /** The right to be in charge after it: true for one of all who ask, and then however often he does. */
  claimSuccession(): boolean {
    this.#claimed ??= claimSuccession(this.#succession);
    return this.#claimed;
  }

  get connected(): boolean {
    return this.#channel.open;
  }

  /** It said who it is. It leads a group of its own from then on. */
  introduce(pid: number): void {
    this.#pid = pid;
    if (!this.#groups.includes(pid)) this.#groups.push(pid);
  }

  send(message: ToCandidate, sent?: () => void): void {
    this.#channel.send(message, sent);
  }

  /** All of it, workers and their children included: it never served anybody. */
  kill(): void {
    for (const group of this.#groups) killGroup(group);
  }

  /** The master alone: its workers accept until the lease is dropped. */
  killMaster(): void {
    if (this.#pid !== undefined) killProcess(this.#pid);
  }

  /** True when no process of it is left. */
  get cleared(): boolean {
    return !anyAlive(this.#groups);
  }

  /** Let its workers be its own affair. */
  dropLease(): void {
    if (!this.#leaseHeld) return;
    this.#leaseHeld = false;
    closeSync(this.#lease.writing);
    closeSync(this.#lease.reading);
  }

  /** Let go of everything that is about it. */
  close(): void {
    this.#channel.close();
    this.#closeDescriptors();
  }

  #closeDescriptors(): void {
    this.dropLease();
    closeSync(this.#succession);
    this.words.close();
  }
}
