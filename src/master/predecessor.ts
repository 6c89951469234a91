/** The master before this one (master): the incumbent while we are a candidate, our retiree afterwards. */
import { closeSync } from 'node:fs';
import { Channel, type ChannelEnd } from '../channel/channel.js';
import { claimSuccession } from '../channel/lease.js';
import { type FromCandidate, type Handover, TO_CANDIDATE, type ToCandidate } from '../channel/master-messages.js';

export interface PredecessorListener {
  message(message: ToCandidate): void;
  end(how: ChannelEnd): void;
}

export interface PredecessorFds {
  readonly channel: number;
  /** The writing end of its workers' lease. */
  readonly lease: number;
  /** The right to succeed it. */
  readonly succession: number;
}

/** What an incumbent may take to say where we stand: it wrote it before we were started. Milliseconds. */
const HANDOVER_LIMIT = 5_000;

export class Predecessor {
  readonly pid: number;
  readonly #fds: PredecessorFds;
  readonly #channel: Channel<ToCandidate, FromCandidate>;
  #held = true;
  #listener: PredecessorListener | undefined;
  readonly #early: ToCandidate[] = [];
  #earlyEnd: ChannelEnd | undefined;

  /** Resolves with the first frame. Rejects when there is none. */
  static async meet(pid: number, fds: PredecessorFds): Promise<{ readonly predecessor: Predecessor; readonly handover: Handover }> {
    const predecessor = new Predecessor(pid, fds);
    const handover = await predecessor.#handover();
    return { predecessor, handover };
  }

  private constructor(pid: number, fds: PredecessorFds) {
    this.pid = pid;
    this.#fds = fds;
    this.#channel = new Channel<ToCandidate, FromCandidate>(fds.channel, TO_CANDIDATE, {
      message: (message) => (this.#listener === undefined ? this.#early.push(message) : this.#listener.message(message)),
      end: (how) => {
        if (this.#listener === undefined) this.#earlyEnd = how;
        else this.#listener.end(how);
      },
    });
  }

  get alive(): boolean {
    return this.#channel.open;
  }

  listen(listener: PredecessorListener): void {
    this.#listener = listener;
    for (const message of this.#early.splice(0)) listener.message(message);
    if (this.#earlyEnd !== undefined) listener.end(this.#earlyEnd);
  }

  send(message: FromCandidate, sent?: () => void): void {
    this.#channel.send(message, sent);
  }

  /** True for one of all who ask. */
  claimSuccession(): boolean {
    return claimSuccession(this.#fds.succession);
  }

  /** Nobody else will hold its workers' lease: if it is dead, they drain now. */
  drop(): void {
    this.#channel.close();
    if (!this.#held) return;
    this.#held = false;
    closeSync(this.#fds.lease);
    closeSync(this.#fds.succession);
  }

  async #handover(): Promise<Handover> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error('the incumbent did not say where we stand')), HANDOVER_LIMIT);
      const stop = (act: () => void) => {
        clearTimeout(limit);
        this.#listener = undefined;
        act();
      };
      this.#listener = {
        message: (message) =>
          stop(() => (message.type === 'handover' ? resolve(message) : reject(new Error(`the incumbent said "${message.type}" first`)))),
        end: () => stop(() => reject(new Error('the incumbent died before it said where we stand'))),
      };
    });
  }
}
