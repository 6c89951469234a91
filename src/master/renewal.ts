/** The unix sockets that nobody can reach any more, in a reload (master): its workers get new ones, which take the paths when those accept. */
import { messageOf } from '../errors.js';
import { closeListener, type Listener, listen, lossOf, SHUT_DOWN } from '../listeners/index.js';
import type { Log } from '../log/log.js';
import type { ListenerSet } from './listener-set.js';
import { untilEmpty } from './until-empty.js';

interface Renewed {
  readonly old: Listener;
  readonly fresh: Listener;
  readonly why: string;
}

export class Renewal {
  readonly #set: ListenerSet;
  readonly #backlog: number;
  readonly #log: Log;
  #renewed: Renewed[] = [];
  #completing = false;
  #done = false;

  constructor(set: ListenerSet, backlog: number, log: Log) {
    this.#set = set;
    this.#backlog = backlog;
    this.#log = log;
  }

  /** Nothing waits on a socket that nobody holds after the reload. */
  get done(): boolean {
    return this.#done;
  }

  /** From here on whoever is started gets the new ones; and the old ones, too, if those are `unserved`: the workers were drained. */
  begin(unserved: boolean): void {
    this.#attempt(() => this.#set.revive(this.#backlog));
    this.#renewed = this.#set.lasting.flatMap((old) => this.#attempt(() => this.#renew(old, unserved)) ?? []);
  }

  /**
   * The new workers accept. The old ones serve who had found the old socket, to the last (nobody new can find it), for `patience` milliseconds
   * at most. Then whoever looks for the path finds the new one, and `then`.
   */
  complete(patience: number, then: () => void): void {
    if (this.#completing) return;
    this.#completing = true;
    const old = this.#renewed.map((renewed) => renewed.old);
    void untilEmpty(old, patience, () => this.#set.open && this.#renewed.length > 0).then(() => {
      this.#done = true;
      for (const renewed of this.#renewed.splice(0)) this.#publish(renewed);
      then();
    });
  }

  /** The reload failed: everything is as it was. */
  abandon(): void {
    for (const { old, fresh } of this.#renewed.splice(0)) {
      this.#set.replace(fresh, old);
      closeListener(fresh);
    }
  }

  /** Throws what lstat(2) has against the path, too: its directory may be none any more, or closed to us. */
  #renew(old: Listener, unserved: boolean): Renewed[] {
    const why = lossOf(old);
    const fresh = why === undefined ? undefined : this.#set.renew(old, this.#backlog);
    if (why === undefined || fresh === undefined) return [];
    if (unserved && why !== SHUT_DOWN) this.#set.keep(old);
    return [{ old, fresh, why }];
  }

  #publish({ old, fresh, why }: Renewed): void {
    this.#attempt(() => {
      if (!this.#set.open) return;
      listen(fresh, this.#backlog);
      this.#log.info('listener.bound', `listening on ${fresh.bound} again, for ${why}`, { address: fresh.bound, sockets: 1 });
    });
    this.#set.letGo(old);
  }

  #attempt<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      this.#log.warning(null, messageOf(error));
      return undefined;
    }
  }
}
