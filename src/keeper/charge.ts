/** Who gets the signals (keeper): the master in charge, and until there is one nobody: then they wait. */
import type { KeeperSignal } from './terminal.js';

export class Charge {
  /** Learns who is dead by now, and says so to `bury`. */
  readonly #look: () => void;
  #pid: number | undefined;
  #last: number | undefined;
  /** What nobody could take yet: a signal kills a master that has no handlers, and is lost on a dead one. */
  #held: KeeperSignal[] = [];
  #stop: KeeperSignal | undefined;

  constructor(look: () => void) {
    this.#look = look;
  }

  /** Undefined while nobody is known to live. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** Whoever was in charge last, dead or alive. */
  get last(): number | undefined {
    return this.#last;
  }

  deliver(signal: KeeperSignal): void {
    if (isStop(signal) && this.#stop !== 'SIGINT' && this.#stop !== 'SIGQUIT') this.#stop = signal;
    if (!this.#send(signal)) this.#held.push(signal);
  }

  /**
   * It is in charge from now on. It gets what was held; and an order to stop again, for whoever got that may have been killed before it could
   * follow it. A master that stops already takes no harm from a second one.
   */
  give(pid: number): void {
    const held = this.#held.splice(0);
    if (this.#stop !== undefined && pid !== this.#pid && !held.includes(this.#stop)) held.push(this.#stop);
    this.#pid = pid;
    this.#last = pid;
    for (const signal of held) this.deliver(signal);
  }

  /** This process is dead. */
  bury(pid: number): void {
    if (pid === this.#pid) this.#pid = undefined;
  }

  /** False when nobody is there to take it. */
  #send(signal: KeeperSignal): boolean {
    // A zombie takes every signal, and they are lost. kill(2).
    this.#look();
    if (this.#pid === undefined) return false;
    try {
      return process.kill(this.#pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
      throw error;
    }
  }
}

function isStop(signal: KeeperSignal): boolean {
  return signal === 'SIGTERM' || signal === 'SIGINT' || signal === 'SIGQUIT';
}
