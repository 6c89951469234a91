/** Datagrams to somebody who may be away, or slow (any role): none of that stops us. */

/** `sent`; `unsure`, so soon after it was refused; `later` when it has no room just now; else what stands against it. */
export type Attempt = 'sent' | 'unsure' | 'later' | { readonly refused: string };

export interface Carrier {
  /** At once, without waiting. */
  attempt(datagram: Buffer): Attempt;
  /** Let go of what keeps the process alive. The next attempt takes it up again. */
  rest(): void;
}

/** What the receiver has no room for is kept up to here, datagrams; the newest are lost from there on. */
const MOST_WAITING = 2_000;
/** Milliseconds. */
const RETRY_AFTER = 50;
const LAST_PATIENCE = 200;

export class Datagrams {
  readonly #carrier: Carrier;
  readonly #to: string;
  #waiting: Buffer[] = [];
  #lost = 0;
  #troubled = false;
  #resting = false;
  #retry: NodeJS.Timeout | undefined;
  /** Told once that nobody takes them, and once that somebody does again. */
  onTrouble: (why: string) => void = () => {};

  constructor(carrier: Carrier, to: string) {
    this.#carrier = carrier;
    this.#to = to;
  }

  send(datagram: Buffer): void {
    if (this.#waiting.length >= MOST_WAITING) this.#lost += 1;
    else this.#waiting.push(datagram);
    if (this.#retry === undefined) this.#work();
  }

  /** Gives a slow receiver a last chance. */
  flush(): void {
    const still = new Int32Array(new SharedArrayBuffer(4));
    for (let waited = 0; this.#work() && waited < LAST_PATIENCE; waited += 10) Atomics.wait(still, 0, 0, 10);
  }

  rest(): void {
    this.#resting = true;
    this.#carrier.rest();
  }

  /** True when something has to wait. */
  #work(): boolean {
    // What is said about trouble is a line, too, and comes here again: the queue is looked at anew each time.
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const attempt = this.#carrier.attempt(next);
      if (attempt === 'later') return this.#later();
      this.#waiting.shift();
      if (attempt === 'sent') this.#worked();
      else if (attempt !== 'unsure') this.#refused(attempt.refused);
    }
    if (this.#resting) this.#carrier.rest();
    return false;
  }

  #later(): true {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#work();
    }, RETRY_AFTER).unref();
    if (this.#resting) this.#carrier.rest();
    return true;
  }

  #refused(why: string): void {
    this.#lost += 1;
    if (this.#troubled) return;
    this.#troubled = true;
    this.onTrouble(`cannot log to syslog at ${this.#to}: ${why} (the log itself goes on; what is lost will be counted)`);
  }

  #worked(): void {
    if (this.#lost === 0) return;
    const lost = this.#lost;
    this.#lost = 0;
    this.#troubled = false;
    this.onTrouble(`syslog at ${this.#to} takes lines again; it has missed ${lost}`);
  }
}
