// A small world for the tables of the upgrade protocol: masters, one per generation, with what each has in memory; the two queues between a master and
// the next; the names of the pidfile; the right to succeed. UPGRADE, "Who is alive" and "The pidfile". It is values alone: a state is a world.
import type { Candidacy } from '#src/upgrade/candidacy.js';
import type { Incumbency } from '#src/upgrade/incumbency.js';

/** What does not change. */
export interface Rules {
  /** `--upgrade manual`. */
  readonly manual: boolean;
  /** `--pid`. */
  readonly pidfile: boolean;
  /** The candidate's settings leave an address out: its queue is served to the end. */
  readonly drops: boolean;
}

/** What may happen, and how often. */
export interface Budget {
  /** USR2 to whoever. */
  upgrades: number;
  /** TERM, INT, HUP, WINCH to whoever. */
  orders: number;
  /** kill -9 of a master. */
  kills: number;
  /** A worker that dies or does not load, an address that cannot be bound, a pidfile that cannot be written. */
  faults: number;
  /** What another program says in the place of a candidate. */
  lies: number;
}

/** One slot stands for all: `waiting` for another attempt, `vacant` when there is to be none. */
export interface Crew {
  phase: 'vacant' | 'waiting' | 'booting' | 'ready' | 'accepting';
  exposed: boolean;
  patient: boolean;
  readonly reload: boolean;
  /** They died of themselves, having been exposed, and do not accept again yet. */
  hurt: boolean;
}

/** What takes its time, one after the other: Pidfile#inTurn. */
export type Task = 'rotate' | 'succeed' | 'claim' | 'restore' | 'depose' | 'discardRetiree';

export interface Master {
  alive: boolean;
  /** It has said hello, and is a Master: until then its process may only be killed. */
  hailed: boolean;
  candidacy: Candidacy;
  incumbency: Incumbency;
  inCharge: boolean;
  /** Preparation: `settling` its listeners, `writing` its pidfile; `again` in a second. */
  prep: 'settling' | 'writing' | 'written' | 'failed' | 'again';
  settled: boolean;
  workersLoaded: boolean;
  // Workers.
  drained: boolean;
  left: boolean;
  awaited: boolean;
  current: Crew | undefined;
  next: Crew | undefined;
  old: Crew | undefined;
  leaving: boolean;
  /** How often it started workers but for a reload. */
  starts: number;
  /** Its departure: waits for its workers, was begun, has let the pidfile go. */
  departure: 'none' | 'waits' | 'begun' | 'tidied';
  tasks: Task[];
  /** `emptied` is due. */
  queues: boolean;
  /** BackOut: a candidate's end is awaited, and how long. */
  ending: 'none' | 'now' | 'patient';
  /** Retiree: it is killed should it not leave in time. */
  limit: boolean;
  /** Its predecessor: the channel's own end is open, and the lease held. -1 is none. */
  readonly before: number;
  beforeOpen: boolean;
  beforeHeld: boolean;
  /** The last that came was a farewell. */
  farewell: boolean;
  /** Its successor. It is known by pid once it said hello. */
  after: number;
  afterOpen: boolean;
  afterHeld: boolean;
  afterKnown: boolean;
  /** Whether the right to succeed it is ours: once it was asked for. */
  claimed: boolean | undefined;
  /** Of the pidfile's lock it has let go. */
  unlocked: boolean;
  // What the invariants want to know of the past.
  /** *commit* was said to it. */
  committed: boolean;
  /** It took a HUP, and has not followed it. */
  owes: boolean;
  /** It followed a WINCH, and nothing since has brought its workers back. */
  winched: boolean;
}

/** Between the master with this number and the one before it. */
export interface Link {
  /** To the younger. */
  down: string[];
  /** To the older. */
  up: string[];
}

export interface World {
  masters: Master[];
  links: Link[];
  /** Whether the right to succeed a master is to be had still. */
  succession: boolean[];
  path: number;
  candidate: number;
  oldbin: number;
  budget: Budget;
  // What the invariants want to know of the past.
  /** WINCH was followed by somebody. */
  winched: boolean;
  /** Who took an order to end everybody; -1: nobody; -2: whoever had it is gone. */
  ends: number;
  killed: boolean;
  faulty: boolean;
}

export const NONE = -1;
export const LOST = -2;

/** A master at its start; its number is its generation less one. */
export function newMaster(candidacy: Candidacy, before: number): Master {
  return {
    alive: true,
    hailed: before === NONE,
    candidacy,
    incumbency: { is: 'serving' },
    inCharge: false,
    prep: 'settling',
    settled: false,
    workersLoaded: false,
    drained: true,
    left: false,
    awaited: false,
    current: undefined,
    next: undefined,
    old: undefined,
    leaving: false,
    starts: 0,
    departure: 'none',
    tasks: [],
    queues: false,
    ending: 'none',
    limit: false,
    before,
    beforeOpen: before !== NONE,
    beforeHeld: before !== NONE,
    farewell: false,
    after: NONE,
    afterOpen: false,
    afterHeld: false,
    afterKnown: false,
    claimed: undefined,
    unlocked: false,
    committed: false,
    owes: false,
    winched: false,
  };
}

/** A first generation that serves. */
export function servingWorld(budget: Budget, { pidfile }: Rules): World {
  const first: Master = {
    ...newMaster({ is: 'incumbent' }, NONE),
    inCharge: true,
    prep: 'written',
    settled: true,
    workersLoaded: true,
    drained: false,
    current: { phase: 'accepting', exposed: true, patient: true, reload: false, hurt: false },
    starts: 1,
    committed: true,
  };
  return { ...emptyWorld(budget), masters: [first], path: pidfile ? 0 : NONE };
}

/** A first generation that starts. */
export function startingWorld(budget: Budget): World {
  return { ...emptyWorld(budget), masters: [newMaster({ is: 'first' }, NONE)] };
}

function emptyWorld(budget: Budget): World {
  return {
    masters: [],
    links: [{ down: [], up: [] }],
    succession: [true],
    path: NONE,
    candidate: NONE,
    oldbin: NONE,
    budget: { ...budget },
    winched: false,
    ends: NONE,
    killed: false,
    faulty: false,
  };
}

export function copyOf(world: World): World {
  return {
    ...world,
    masters: world.masters.map((master) => ({
      ...master,
      current: master.current && { ...master.current },
      next: master.next && { ...master.next },
      old: master.old && { ...master.old },
      tasks: [...master.tasks],
    })),
    links: world.links.map(({ down, up }) => ({ down: [...down], up: [...up] })),
    succession: [...world.succession],
    budget: { ...world.budget },
  };
}

/** Two worlds with the same key go on alike. When a deadline is over is no part of it, for it may be at any moment; nor is a reason. */
export function keyOf(world: World): string {
  const { budget, links } = world;
  const masters = world.masters.map(keyOfMaster).join('|');
  const queues = links.map(({ down, up }) => `${down.join()}<${up.join()}`).join('|');
  const flags = `${bits(world.succession)},${world.path},${world.candidate},${world.oldbin},${world.ends},${bits([world.winched, world.killed, world.faulty])}`;
  return `${masters}#${queues}#${flags}#${budget.upgrades}${budget.orders}${budget.kills}${budget.faults}${budget.lies}`;
}

function keyOfMaster(master: Master): string {
  const gone = !master.alive;
  if (gone)
    return `dead${keyOfCrew(master.current)}${keyOfCrew(master.next)}${keyOfCrew(master.old)}${bits([master.leaving, master.committed, master.winched])}`;
  const flags = bits([
    master.hailed,
    master.inCharge,
    master.settled,
    master.workersLoaded,
    master.drained,
    master.left,
    master.awaited,
    master.leaving,
    master.queues,
    master.limit,
    master.beforeOpen,
    master.beforeHeld,
    master.farewell,
    master.afterOpen,
    master.afterHeld,
    master.afterKnown,
    master.unlocked,
    master.committed,
    master.owes,
    master.winched,
  ]);
  const states = `${keyOfState(master.candidacy)}/${keyOfState(master.incumbency)}`;
  const crews = `${keyOfCrew(master.current)}${keyOfCrew(master.next)}${keyOfCrew(master.old)}`;
  return `${states}/${flags}/${crews}/${master.tasks.join()}/${master.prep},${master.starts},${master.departure},${master.ending},${master.claimed},${master.before},${master.after}`;
}

function keyOfState(state: Candidacy | Incumbency): string {
  let key: string = state.is;
  for (const [name, value] of Object.entries(state))
    if (name !== 'is' && name !== 'deadline' && name !== 'reason' && name !== 'status') key += `,${value}`;
  return key;
}

function keyOfCrew(crew: Crew | undefined): string {
  return crew === undefined ? '-' : crew.phase + bits([crew.exposed, crew.patient, crew.reload, crew.hurt]);
}

function bits(flags: readonly boolean[]): string {
  let text = '';
  for (const flag of flags) text += flag ? '1' : '0';
  return text;
}

// What can be seen from outside.

export function crewsOf({ current, next, old }: Master): readonly Crew[] {
  return [current, next, old].filter((crew) => crew !== undefined);
}

/** No worker of it is left. */
export function isEmpty(master: Master): boolean {
  return !master.leaving && crewsOf(master).every(({ phase }) => phase === 'vacant' || phase === 'waiting');
}

export function accepts(master: Master): boolean {
  return crewsOf(master).some(({ phase }) => phase === 'accepting');
}

/** Somebody holds the lease of its workers. */
export function leaseHeld({ masters }: World, number: number): boolean {
  const self = masters[number];
  return (
    self?.alive === true ||
    masters.some(({ alive, before, beforeHeld, after, afterHeld }) => {
      return alive && ((before === number && beforeHeld) || (after === number && afterHeld));
    })
  );
}

/** The pidfile's lock: it is free as soon as its holder is dead. */
export function isLocked({ masters }: World, number: number): boolean {
  const holder = masters[number];
  return holder?.alive === true && !holder.unlocked;
}

export function isRisen({ candidacy }: Master): boolean {
  return candidacy.is === 'incumbent';
}
