// How a master of the small world takes its turns, and what it does: master/master.ts, as-candidate.ts, as-incumbent.ts and whoever those ask, without
// sockets and processes. The tables are the real ones. What is synchronous there is so here; what takes its time is left to the moves. But:
// - a candidate that serves and gives up retires its workers at once; there up to a second later, when nobody waits on its own sockets any more;
// - `regain` and `reclaim` do nothing, and `bringBack` starts workers where they were drained, not where their listeners are outdated;
// - `renew` cannot fail; a worker that tries again boots in the end; one slot stands for all.
import type { Candidacy, CandidacyEffect, CandidacyEvent } from '#src/upgrade/candidacy.js';
import type { Incumbency, IncumbencyEffect, IncumbencyEvent } from '#src/upgrade/incumbency.js';
import type { Step } from '#src/upgrade/step.js';
import { giveUpPidfile } from './pidfile.js';
import { Workers } from './workers.js';
import { isEmpty, isRisen, LOST, type Master, NONE, newMaster, type Rules, type World } from './world.js';

export interface Tables {
  readonly candidacy: (state: Candidacy, event: CandidacyEvent, now: number) => Step<Candidacy, CandidacyEffect>;
  readonly incumbency: (state: Incumbency, event: IncumbencyEvent, now: number) => Step<Incumbency, IncumbencyEffect>;
  readonly newCandidacy: (now: number, deadline: number) => Candidacy;
}

type Signal = 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGUSR2' | 'SIGWINCH';

/** Where an order to stop is one to everybody: elsewhere it is the commit, the way back, or a retiree's alone, also of one that asks whether it may return. */
const WHOLE: readonly (Incumbency['is'] | Candidacy['is'])[] = [
  'serving',
  'reloading',
  'launching',
  'preparing',
  'recovering',
  'reverting',
  'returning',
  'first',
  'exposing',
  'rotating',
  'claiming',
  'alone',
];
const HELD: readonly Incumbency['is'][] = [
  'serving',
  'reloading',
  'launching',
  'preparing',
  'showing',
  'releasing',
  'committing',
  'recovering',
  'reverting',
  'restoring',
  'returning',
];

/** One master in one move. */
export class Turns {
  readonly world: World;
  readonly number: number;
  readonly master: Master;
  readonly workers: Workers;
  readonly #rules: Rules;
  readonly #tables: Tables;
  readonly #queue: (() => void)[] = [];
  #turning = false;
  /** What must not be. */
  readonly wrongs: string[];
  /** `--pid`. */
  readonly pidfile: boolean;

  constructor(world: World, number: number, rules: Rules, tables: Tables, wrongs: string[]) {
    this.world = world;
    this.number = number;
    this.master = masterAt(world, number);
    this.#rules = rules;
    this.#tables = tables;
    this.wrongs = wrongs;
    this.pidfile = rules.pidfile;
    this.workers = new Workers(this.master, {
      later: (act) => this.later(act),
      loaded: () => {
        this.master.workersLoaded = true;
        this.sayLoaded();
      },
      accepting: () => {
        this.candidate({ event: 'exposed' });
        this.incumbent({ event: 'accepting' });
      },
      failed: () => this.candidate({ event: 'loadFailed', status: 4, reason: 'x' }),
      reloaded: () => this.incumbent({ event: 'reloaded' }),
    });
  }

  /** Another one, in the same move. */
  other(number: number): Turns {
    return new Turns(this.world, number, this.#rules, this.#tables, this.wrongs);
  }

  // master.ts: the loop.

  later(act: () => void): void {
    this.#queue.push(() => {
      act();
      this.#afterTurn();
    });
    if (this.#turning) return;
    this.#turning = true;
    for (let turn = this.#queue.shift(); turn !== undefined; turn = this.#queue.shift()) turn();
    this.#turning = false;
  }

  candidate(event: CandidacyEvent): void {
    this.later(() => this.#candidacyTurn(event));
  }

  incumbent(event: IncumbencyEvent): void {
    this.later(() => this.#incumbencyTurn(event));
  }

  either(event: CandidacyEvent & IncumbencyEvent): void {
    this.later(() => (isRisen(this.master) ? this.#incumbencyTurn(event) : this.#candidacyTurn(event)));
  }

  #afterTurn(): void {
    const { master } = this;
    if (isRisen(master) && isEmpty(master) && master.ending === 'none' && !master.beforeOpen) this.#incumbencyTurn({ event: 'empty' });
    if (master.departure === 'waits' && isEmpty(master)) master.departure = 'begun';
  }

  #candidacyTurn(event: CandidacyEvent): void {
    const { state, effects } = this.#tables.candidacy(this.master.candidacy, event, 0);
    this.master.candidacy = state;
    for (const effect of effects) this.#asCandidate(effect);
  }

  #incumbencyTurn(event: IncumbencyEvent): void {
    const { state, effects } = this.#tables.incumbency(this.master.incumbency, event, 0);
    this.master.incumbency = state;
    for (const effect of effects) this.#asIncumbent(effect);
  }

  signal(signal: Signal): void {
    this.#remember(signal);
    const orders = {
      SIGTERM: { event: 'stop', quick: false },
      SIGINT: { event: 'stop', quick: true },
      SIGHUP: { event: 'reload' },
      SIGUSR2: { event: 'upgrade' },
      SIGWINCH: { event: 'drain' },
    } as const;
    this.either(orders[signal]);
  }

  /** What the order means, for the invariants. */
  #remember(signal: Signal): void {
    const { world, master } = this;
    const state = isRisen(master) ? master.incumbency : master.candidacy;
    const byHand = 'beside' in state && state.beside;
    if (signal === 'SIGTERM' || signal === 'SIGINT') {
      const trying = state.is === 'exposing' && state.to === 'try';
      const committed = (state.is === 'releasing' || state.is === 'committing') && !byHand;
      if (world.ends === NONE && ((WHOLE.includes(state.is) && !trying) || committed)) world.ends = this.number;
    }
    if (signal === 'SIGHUP' && isRisen(master) && HELD.includes(master.incumbency.is)) master.owes = true;
  }

  // The channels.

  tellBefore(message: string): void {
    const { world, number, master } = this;
    if (!master.beforeOpen) return;
    const peer = masterAt(world, master.before);
    if (peer.alive && peer.after === number && peer.afterOpen) linkAt(world, number).up.push(message);
  }

  tellAfter(message: string): void {
    const { world, master } = this;
    if (master.after === NONE || !master.afterOpen) return;
    const peer = masterAt(world, master.after);
    if (peer.alive && peer.beforeOpen) linkAt(world, master.after).down.push(message);
  }

  hearBefore(message: string): void {
    const [type, of] = message.split(':');
    this.master.farewell = type === 'farewell';
    if (type === 'pass') this.signal(of as Signal);
    else if (type === 'garbage') this.beforeEnded('garbage');
    else if (isRisen(this.master)) {
      if (type === 'released') this.incumbent({ event: 'retireesReleased' });
    } else if (type === 'commit' || type === 'show') this.candidate({ event: type });
    else if (type === 'cancel') this.candidate({ event: 'cancel', reason: 'x' });
  }

  hearAfter(message: string): void {
    const [type, of] = message.split(':');
    switch (type) {
      case 'hello':
        this.master.afterKnown = true;
        return this.incumbent({ event: 'hello' });
      case 'failed':
        return this.incumbent({ event: 'failed', reason: 'x' });
      case 'stop':
        if (!this.master.inCharge) this.incumbent({ event: 'stop', quick: of === 'quick' });
        return;
      case 'garbage':
        this.master.afterOpen = false;
        return this.incumbent({ event: 'failed', reason: 'x' });
      case 'ready':
      case 'beside':
      case 'withdraw':
      case 'serving':
      case 'release':
        return this.incumbent({ event: type });
    }
  }

  beforeEnded(how: 'gone' | 'garbage'): void {
    const { master } = this;
    master.beforeOpen = false;
    linkAt(this.world, this.number).down = [];
    if (isRisen(master)) {
      this.#dropPredecessor(master.farewell);
      this.incumbent({ event: 'retireesReleased' });
    } else if (how === 'garbage') this.candidate({ event: 'cancel', reason: 'x' });
    else this.candidate({ event: 'gone' });
  }

  afterEnded(): void {
    this.master.afterOpen = false;
    linkAt(this.world, this.master.after).up = [];
    this.incumbent({ event: 'gone' });
  }

  // preparation.ts

  sayLoaded(): void {
    if (this.master.settled && this.master.workersLoaded) this.candidate({ event: 'loaded' });
  }

  cannotPrepare(): void {
    this.master.prep = 'failed';
    this.candidate({ event: 'loadFailed', status: 1, reason: 'x' });
  }

  // as-candidate.ts

  #asCandidate(effect: CandidacyEffect): void {
    const { master, workers } = this;
    switch (effect.do) {
      case 'refuse':
        return;
      case 'sayReady':
        return this.tellBefore('ready');
      case 'sayFailed':
        return this.tellBefore('failed');
      case 'expose':
        return workers.expose();
      case 'assure':
        return workers.assure();
      case 'sayBeside':
        return this.tellBefore('beside');
      case 'withdraw':
        return this.tellBefore('withdraw');
      case 'rotate':
        master.tasks.push(master.beforeOpen ? 'rotate' : 'succeed');
        return;
      case 'claim':
        master.tasks.push('claim');
        return;
      case 'retry':
        workers.persist();
        if (master.prep === 'failed') master.prep = 'again';
        return;
      case 'renew':
        return workers.renew();
      case 'reloadLater':
        master.owes = true;
        return;
      case 'takeCharge':
        return this.#takeCharge(effect.stop);
      case 'leave':
        return this.#giveUp();
    }
  }

  #takeCharge(stop: 'none' | 'graceful' | 'quick'): void {
    const { master } = this;
    master.inCharge = true;
    this.tellBefore('serving');
    if (!master.beforeOpen && master.before !== NONE) this.#dropPredecessor(false);
    if (stop !== 'none' && this.world.ends === NONE) this.world.ends = this.number;
    if (stop !== 'none') this.incumbent({ event: 'stop', quick: stop === 'quick' });
    else if (master.owes) this.incumbent({ event: 'reload' });
  }

  #giveUp(): void {
    const { master, workers } = this;
    if (master.prep === 'again') master.prep = 'failed';
    if (workers.exposed) workers.retire();
    else workers.kill();
    master.departure = 'waits';
  }

  #dropPredecessor(farewell: boolean): void {
    const { master } = this;
    master.beforeOpen = false;
    master.beforeHeld = false;
    if (!farewell && this.#rules.pidfile) master.tasks.push('discardRetiree');
  }

  // as-incumbent.ts

  #asIncumbent(effect: IncumbencyEffect): void {
    const { world, master, workers } = this;
    switch (effect.do) {
      case 'refuse':
        return;
      case 'reload':
        if (!master.owes) this.wrongs.push('a HUP is followed twice');
        master.owes = false;
        return workers.reload();
      case 'drainWorkers':
        world.winched = true;
        master.owes = false;
        workers.drain();
        master.winched = true;
        return;
      case 'bringBack':
        return workers.bringBack();
      case 'renewFailing':
        // Here everybody boots in the end.
        return;
      case 'launch':
        return this.#launch();
      case 'show':
        return this.tellAfter('show');
      case 'askOperator':
        return;
      case 'releaseRetirees':
        if (master.beforeOpen) return this.tellBefore('release');
        return this.incumbent({ event: 'retireesReleased' });
      case 'commit':
        masterAt(world, master.after).committed = true;
        return this.tellAfter('commit');
      case 'depose':
        if (!this.claimAfter()) {
          master.inCharge = false;
          return this.incumbent({ event: 'restored', ours: false });
        }
        if (master.afterKnown) end(world, master.after);
        master.inCharge = true;
        if (this.#rules.pidfile) master.tasks.push('depose');
        return;
      case 'revert':
        return this.#revert(effect.end);
      case 'rolledBack':
      case 'dropSuccessor':
        return this.#dropSuccessor();
      case 'pass':
        if (effect.signal === 'SIGHUP') master.owes = false;
        return this.tellAfter(`pass:${effect.signal}`);
      case 'retire':
        master.inCharge = false;
        return this.#emptied(this.#rules.drops);
      case 'dropAndDrain':
      case 'closeAndDrain':
        return workers.retire();
      case 'giveWord':
        this.tellAfter('released');
        master.afterHeld = false;
        return;
      case 'restore':
        master.tasks.push('restore');
        return;
      case 'comeBack':
        master.inCharge = true;
        return;
      case 'regain':
      case 'reclaim':
        return;
      case 'takeBack':
        master.inCharge = true;
        return this.#dropSuccessor();
      case 'stop':
        return this.#stop(effect.quick);
      case 'leave':
        master.departure = 'begun';
        return;
    }
  }

  /** upgrade.ts, successor.ts: double-forked; it has not said hello. */
  #launch(): void {
    const { world, master, number } = this;
    const next = world.masters.length;
    // Its number is its place in the succession, however many failed before it.
    world.masters.push(newMaster(this.#tables.newCandidacy(0, 0), number));
    world.links.push({ down: [], up: [] });
    world.succession.push(true);
    master.after = next;
    master.afterOpen = true;
    master.afterHeld = true;
    master.afterKnown = false;
    master.claimed = undefined;
  }

  /** Successor#claimSuccession. */
  claimAfter(): boolean {
    const { world, master } = this;
    master.claimed ??= claim(world, master.after);
    return master.claimed;
  }

  #revert(end: 'kill' | 'behead' | 'dismiss'): void {
    const { world, master } = this;
    const after = world.masters[master.after];
    // It left the intermediate's group when it had said hello, and is in its own.
    if (end === 'kill' && after !== undefined && (master.afterKnown || !after.hailed)) endAll(world, master.after);
    if (end === 'behead') master.afterHeld = false;
    if (end === 'dismiss') this.tellAfter('cancel');
    if (master.ending === 'none') master.ending = end === 'kill' ? 'now' : 'patient';
  }

  #dropSuccessor(): void {
    const { world, master } = this;
    if (master.after === NONE) return;
    linkAt(world, master.after).up = [];
    master.after = NONE;
    master.afterOpen = false;
    master.afterHeld = false;
    master.afterKnown = false;
    master.claimed = undefined;
  }

  #stop(quick: boolean): void {
    const { master, workers } = this;
    master.owes = false;
    this.tellBefore(quick ? 'stop:quick' : 'stop:graceful');
    master.limit = true;
    if (quick) workers.retire();
    else this.#emptied(master.inCharge);
  }

  /** generation.ts: when nobody waits any more on some listeners; at once where there are none. */
  #emptied(some: boolean): void {
    if (some) this.master.queues = true;
    else this.incumbent({ event: 'emptied' });
  }
}

export function masterAt({ masters }: World, number: number): Master {
  const master = masters[number];
  if (master === undefined) throw new Error(`there is no master ${number}`);
  return master;
}

export function linkAt({ links }: World, number: number): World['links'][number] {
  const link = links[number];
  if (link === undefined) throw new Error(`there is no master ${number}`);
  return link;
}

/** It exits: it hears nothing any more, and what it had said is to be heard still. */
function exit(world: World, number: number): void {
  const master = masterAt(world, number);
  if (!master.alive) return;
  master.alive = false;
  linkAt(world, number).down = [];
  if (master.after !== NONE) linkAt(world, master.after).up = [];
}

/** SIGKILL. An order to end everybody that it had is gone with it, and is no order to whoever goes on. */
export function end(world: World, number: number): void {
  exit(world, number);
  if (world.ends === number) world.ends = LOST;
}

/** SIGKILL to its process group: its workers, too. */
export function endAll(world: World, number: number): void {
  end(world, number);
  const master = masterAt(world, number);
  master.current = undefined;
  master.next = undefined;
  master.old = undefined;
  master.leaving = false;
}

/** departure.ts: it has tidied up, and says farewell. */
export function depart(turns: Turns): void {
  const { world, number, master } = turns;
  if (master.departure === 'begun') {
    giveUpPidfile(world, number);
    master.departure = 'tidied';
    return;
  }
  turns.tellAfter('farewell');
  exit(world, number);
}

/** The right to succeed a master: for the first who asks. */
export function claim(world: World, number: number): boolean {
  const there = world.succession[number] === true;
  world.succession[number] = false;
  return there;
}
