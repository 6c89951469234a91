// The workers of a master in the small world: master/workers.ts and cohort.ts with one slot that stands for all. An order to a worker and what it
// says take no time; whatever it does on its own is a move.
import type { Crew, Master } from './world.js';

interface Listener {
  later(act: () => void): void;
  loaded(): void;
  accepting(): void;
  failed(): void;
  reloaded(): void;
}

export type Place = 'current' | 'next' | 'old';

export class Workers {
  readonly #master: Master;
  readonly #listener: Listener;

  constructor(master: Master, listener: Listener) {
    this.#master = master;
    this.#listener = listener;
  }

  get exposed(): boolean {
    return this.#master.current?.exposed === true;
  }

  start(): void {
    const master = this.#master;
    if (master.left) return;
    master.drained = false;
    const before = master.current;
    master.current = { phase: 'booting', exposed: false, patient: false, reload: false, hurt: false };
    master.starts = Math.min(3, master.starts + 1);
    if (before === undefined) return;
    if (before.phase === 'accepting') master.old = before;
    else if (before.phase === 'booting' || before.phase === 'ready') master.leaving = true;
  }

  bringBack(): void {
    const master = this.#master;
    if (master.drained) this.start();
    master.awaited = true;
    this.#expose(master.current, true);
  }

  expose(): void {
    this.#expose(this.#master.current, false);
  }

  renew(): void {
    const master = this.#master;
    if (master.current === undefined) return;
    const { exposed } = master.current;
    if (!exposed) this.#retire('current');
    this.start();
    master.starts -= 1;
    if (exposed) this.#expose(master.current, true);
    this.persist();
  }

  assure(): void {
    this.#master.awaited = true;
    this.judge();
  }

  persist(): void {
    persist(this.#master.current);
  }

  retire(): void {
    this.#master.drained = true;
    for (const place of ['current', 'next', 'old'] as const) this.#retire(place);
  }

  kill(): void {
    this.#master.left = true;
    this.retire();
  }

  drain(): void {
    const master = this.#master;
    master.drained = true;
    if (master.next !== undefined) this.#reloadFailed();
    this.retire();
  }

  reload(): void {
    this.#master.next = { phase: 'booting', exposed: false, patient: false, reload: true, hurt: false };
  }

  /** Of those that are awaited, one accepts: the slot that stands for all. */
  judge(): void {
    if (this.#master.awaited && this.#master.current?.phase === 'accepting') this.#accept();
  }

  // What a worker does.

  ready(place: Place): void {
    const crew = this.#master[place];
    if (crew === undefined) return;
    crew.phase = 'ready';
    if (crew.exposed) return;
    this.#listener.later(() => {
      if (crew.reload && place === 'next') this.#expose(crew, false);
      else if (place === 'current') this.#listener.loaded();
    });
  }

  accepts(place: Place): void {
    const crew = this.#master[place];
    if (crew === undefined) return;
    crew.phase = 'accepting';
    crew.hurt = false;
    this.#tellAccepting(place);
  }

  fails(place: Place): void {
    const crew = this.#master[place];
    if (crew === undefined) return;
    crew.hurt = crew.exposed;
    crew.phase = crew.patient ? 'waiting' : 'vacant';
    if (crew.patient) return;
    this.#listener.later(() => (place === 'next' ? this.#reloadFailed() : this.#listener.failed()));
  }

  #tellAccepting(place: Place): void {
    const crew = this.#master[place];
    this.#listener.later(() => {
      if (place === 'next' && this.#master.next === crew) this.#reloaded();
      else if (crew !== undefined && crew === this.#master.current) {
        persist(crew);
        this.#accept();
      }
    });
  }

  #expose(crew: Crew | undefined, patient: boolean): void {
    if (crew === undefined) return;
    crew.exposed = true;
    crew.patient ||= patient;
    if (crew.phase === 'accepting') this.#tellAccepting(crew === this.#master.current ? 'current' : 'next');
  }

  #accept(): void {
    this.#master.awaited = false;
    this.#retire('old');
    this.#master.winched = false;
    this.#listener.accepting();
  }

  #reloaded(): void {
    const master = this.#master;
    this.#retire('current');
    master.current = master.next;
    master.next = undefined;
    master.drained = false;
    master.winched = false;
    persist(master.current);
    this.#listener.reloaded();
  }

  #reloadFailed(): void {
    if (this.#master.next === undefined) return;
    this.#retire('next');
    this.#listener.reloaded();
  }

  #retire(place: Place): void {
    const master = this.#master;
    const crew = master[place];
    if (crew !== undefined && crew.phase !== 'vacant' && crew.phase !== 'waiting') master.leaving = true;
    // What an order to a cohort that has nobody does is to leave it as it is: the one in charge is exposed still.
    if (crew !== undefined && place === 'current') master.current = { ...crew, phase: 'vacant', patient: true };
    else master[place] = undefined;
  }
}

function persist(crew: Crew | undefined): void {
  if (crew === undefined || crew.patient) return;
  crew.patient = true;
  if (crew.phase === 'vacant') crew.phase = 'waiting';
}
