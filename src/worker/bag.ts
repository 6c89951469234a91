/**
 * In the worker: those that are open, while each connection comes and goes. V8 gives a Set that is always written to a new table again and again, and
 * once a table that it has left is old it keeps all that it held, and the table after it, until a full collection: closed sockets by the thousand, whose
 * moving cost 8 % of the processor time of a connection. An array leaves nothing behind.
 */

/** What a bag can hold: it knows where it is. */
export interface Member {
  /** Written by the bag alone. */
  at: number;
}

/** A set whose members each are in one bag at a time, in no order. */
export class Bag<T extends Member> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  add(member: T): void {
    member.at = this.#members.push(member) - 1;
  }

  /** One that is not there, or no longer, changes nothing. */
  delete(member: T): void {
    const { at } = member;
    if (this.#members[at] !== member) return;
    const last = this.#members.pop();
    if (last === undefined || last === member) return;
    this.#members[at] = last;
    last.at = at;
  }

  /** Those that are there now; some may leave meanwhile. */
  [Symbol.iterator](): IterableIterator<T> {
    return [...this.#members].values();
  }
}
