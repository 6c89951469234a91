// What may happen next in the small world. Each move is one event in one process: a message is read, a timer runs out, a worker is ready, something that
// takes its time is done; or somebody interferes. Timers may run out at any moment: that covers clocks that jump, and processes that are stopped.
import { discardCandidate, discardRetiree, replacePartner, rotate, takePidfile } from './pidfile.js';
import { claim, depart, end, endAll, linkAt, masterAt, type Turns } from './turns.js';
import type { Place } from './workers.js';
import { crewsOf, isEmpty, isRisen, LOST, leaseHeld, type Master, NONE, type Rules, type World } from './world.js';

export interface Move {
  readonly name: string;
  /** It comes by itself; the others come from outside, and need not come. */
  readonly own: boolean;
  /** A fault excuses that nobody accepts for a while. */
  readonly fault?: boolean;
  /** Changes the world, which is a copy. */
  readonly make: (world: World, turns: (number: number) => Turns) => void;
}

type Add = (name: string, make: (turns: Turns, world: World) => void) => void;

const PLACES: readonly Place[] = ['current', 'next', 'old'];
const LIES = ['hello', 'ready', 'beside', 'withdraw', 'serving', 'release', 'failed', 'garbage'] as const;
const EXPECTED: Partial<Record<Master['incumbency']['is'], readonly string[]>> = {
  launching: ['hello'],
  preparing: ['ready'],
  showing: ['beside', 'withdraw'],
  deciding: ['withdraw'],
  committing: ['serving'],
};

export function movesOf(world: World, rules: Rules): readonly Move[] {
  const moves: Move[] = [];
  for (const [number, master] of world.masters.entries()) {
    const own: Add = (name, act) => {
      moves.push({ name: `${number + 1}: ${name}`, own: true, make: (copy, turns) => act(turns(number), copy) });
    };
    if (!master.alive) leftWorkers(world, number, own);
    else if (!master.hailed) own('says hello', (turns) => hail(turns));
    else {
      channels(world, number, own);
      preparation(master, own);
      workers(master, own);
      tasks(world, number, rules, own);
      timers(world, number, own);
      if (master.departure === 'begun' || master.departure === 'tidied') departure(master, own);
    }
    if (master.alive) interference(world, number, moves);
  }
  return moves;
}

function hail(turns: Turns): void {
  turns.master.hailed = true;
  turns.tellBefore('hello');
}

function channels(world: World, number: number, own: Add): void {
  const { before, beforeOpen, after, afterOpen } = masterAt(world, number);
  if (beforeOpen) {
    const peer = masterAt(world, before);
    const closed = !peer.alive || peer.after !== number || !peer.afterOpen;
    const [message] = linkAt(world, number).down;
    if (message !== undefined) own(`hears ${message}`, (turns, copy) => turns.hearBefore(linkAt(copy, number).down.shift() ?? ''));
    if (closed && message === undefined) own('sees the end of the one before', (turns) => turns.beforeEnded('gone'));
  }
  if (after !== NONE && afterOpen) {
    const peer = masterAt(world, after);
    const closed = !peer.alive || !peer.beforeOpen;
    const [message] = linkAt(world, after).up;
    if (message !== undefined)
      own(`hears ${message} from ${after + 1}`, (turns, copy) => turns.hearAfter(linkAt(copy, after).up.shift() ?? ''));
    if (closed && message === undefined) own(`sees the end of ${after + 1}`, (turns) => turns.afterEnded());
  }
}

function preparation({ prep }: Master, own: Add): void {
  if (prep === 'settling')
    own('has its listeners', (turns) => {
      turns.master.prep = 'writing';
      turns.later(() => {
        if (turns.master.current === undefined) turns.workers.start();
      });
    });
  if (prep === 'writing') own('has written its pidfile', (turns, world) => written(turns, world));
  if (prep === 'again')
    own('prepares again', (turns) => {
      turns.master.prep = 'settling';
    });
}

function written(turns: Turns, world: World): void {
  const { master, number } = turns;
  if (turns.pidfile) {
    if (master.before === NONE) world.path = number;
    else {
      world.candidate = number;
      if (master.inCharge) replacePartner(world, number, master.before);
    }
  }
  master.prep = 'written';
  master.settled = true;
  turns.sayLoaded();
}

function workers(master: Master, own: Add): void {
  for (const place of PLACES) {
    const crew = master[place];
    if (crew?.phase === 'booting') own(`${place} workers are ready`, (turns) => turns.workers.ready(place));
    if (crew?.phase === 'ready' && crew.exposed) own(`${place} workers accept`, (turns) => turns.workers.accepts(place));
    if (crew?.phase === 'waiting')
      own(`${place} workers are started again`, (turns) => {
        const waiting = turns.master[place];
        if (waiting !== undefined) waiting.phase = 'booting';
      });
  }
  if (master.leaving)
    own('the last worker that drained is gone', (turns) => {
      turns.master.leaving = false;
      turns.later(() => {});
    });
}

/** Of a master that is dead: they drain when nobody holds their lease. */
function leftWorkers(world: World, number: number, own: Add): void {
  const master = masterAt(world, number);
  const held = leaseHeld(world, number);
  for (const place of PLACES) {
    const crew = master[place];
    if (held && crew?.phase === 'ready' && crew.exposed)
      own(`${place} workers accept`, (turns) => {
        const told = turns.master[place];
        if (told !== undefined) told.phase = 'accepting';
      });
  }
  if (!held && crewsOf(master).length > 0)
    own('the lease ends', (turns) => {
      turns.master.leaving ||= !isEmpty(turns.master);
      for (const place of PLACES) turns.master[place] = undefined;
    });
  if (master.leaving)
    own('the last worker that drained is gone', (turns) => {
      turns.master.leaving = false;
    });
}

function tasks(world: World, number: number, rules: Rules, own: Add): void {
  const master = masterAt(world, number);
  const [task] = master.tasks;
  if (master.queues)
    own('nobody waits any more', (turns) => {
      turns.master.queues = false;
      turns.incumbent({ event: 'emptied' });
    });
  // There may be no pidfile yet that could be moved into place.
  if (task === undefined || (task === 'claim' && (master.prep === 'settling' || master.prep === 'writing'))) return;
  own(`does "${task}"`, (turns, copy) => {
    turns.master.tasks.shift();
    perform(task, turns, copy, rules);
  });
}

function perform(task: Master['tasks'][number], turns: Turns, world: World, { pidfile }: Rules): void {
  const { master, number } = turns;
  const { before, after } = master;
  switch (task) {
    case 'rotate':
    case 'succeed': {
      const done = !pidfile || (task === 'rotate' ? rotate(world, number, before) : replacePartner(world, number, before));
      return turns.candidate(done ? { event: 'rotated' } : { event: 'exposeFailed', reason: 'x' });
    }
    case 'claim': {
      const ours = claim(world, before) && (!pidfile || !master.settled || takePidfile(world, number, before));
      if (ours) master.inCharge = true;
      else if (world.ends === number) world.ends = LOST;
      return turns.candidate({ event: 'claimed', ours });
    }
    case 'restore': {
      const ours = turns.claimAfter() && (!pidfile || takePidfile(world, number, after));
      return turns.incumbent({ event: 'restored', ours });
    }
    case 'depose':
      replacePartner(world, number, after);
      return;
    case 'discardRetiree':
      return discardRetiree(world, before);
  }
}

function timers(world: World, number: number, own: Add): void {
  const master = masterAt(world, number);
  const state = isRisen(master) ? master.incumbency : master.candidacy;
  if ('deadline' in state) own('its deadline is over', (turns) => turns.either({ event: 'deadline' }));
  if (master.limit && master.beforeOpen && masterAt(world, master.before).alive)
    own('kills its retiree, which is late', (_turns, copy) => end(copy, master.before));
  if (master.ending === 'none') return;
  const after = world.masters[master.after];
  const cleared = after === undefined || (!after.alive && isEmpty(after));
  if (cleared && master.tasks.length === 0) own('has cleared the candidate away', (turns, copy) => clear(turns, copy));
  if (master.ending === 'patient' && !cleared) own('kills the candidate, which is late', (_turns, copy) => endAll(copy, master.after));
  // Known by pid only now.
  if (master.ending === 'now' && after?.alive === true && master.afterKnown)
    own('kills the candidate', (_turns, copy) => endAll(copy, master.after));
}

function clear(turns: Turns, world: World): void {
  if (turns.pidfile) discardCandidate(world, turns.master.after);
  turns.master.ending = 'none';
  turns.incumbent({ event: 'cleared' });
}

function departure({ departure, prep }: Master, own: Add): void {
  if (departure === 'begun' && (prep === 'settling' || prep === 'writing')) return;
  own(departure === 'begun' ? 'lets the pidfile go' : 'exits', (turns) => depart(turns));
}

// What comes from outside.

function interference(world: World, number: number, moves: Move[]): void {
  const { budget } = world;
  const master = masterAt(world, number);
  const add = (of: keyof World['budget'], name: string, act: (turns: Turns, copy: World) => void, fault = false) => {
    if (budget[of] === 0) return;
    const make: Move['make'] = (copy, turns) => {
      copy.budget[of] -= 1;
      act(turns(number), copy);
    };
    moves.push({ name: `${number + 1}: ${name}`, own: false, fault, make });
  };
  add('kills', 'is killed', (_turns, copy) => {
    copy.killed = true;
    end(copy, number);
  });
  if (!master.hailed) return;
  add('upgrades', 'gets USR2', (turns) => turns.signal('SIGUSR2'));
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGWINCH'] as const)
    add('orders', `gets ${signal.slice(3)}`, (turns) => turns.signal(signal));
  faults(master, (name, act) =>
    add(
      'faults',
      name,
      (turns, copy) => {
        copy.faulty = true;
        act(turns);
      },
      true,
    ),
  );
  if (!isRisen(master) && master.beforeOpen && masterAt(world, master.before).alive) lies(world, number, add);
}

/** Said and heard in one move, where nothing of the kind is expected. The incumbent is not out of its mind: it may send what is no message at all. */
function lies(world: World, number: number, add: (of: 'lies', name: string, act: (turns: Turns, copy: World) => void) => void): void {
  const { before, candidacy, committed } = masterAt(world, number);
  const { is } = masterAt(world, before).incumbency;
  if (linkAt(world, number).up.length > 0) return;
  for (const lie of LIES)
    if (!EXPECTED[is]?.includes(lie)) add('lies', `says ${lie} out of turn`, (turns) => turns.other(before).hearAfter(lie));
  if (committed) return;
  const told = ['ready', 'beside', 'withdrawing', 'failing'].includes(candidacy.is) ? ['garbage'] : ['garbage', 'show', 'commit'];
  for (const lie of told) add('lies', `is told ${lie} out of turn`, (turns) => turns.hearBefore(lie));
}

function faults(master: Master, add: (name: string, act: (turns: Turns) => void) => void): void {
  for (const place of PLACES) {
    const phase = master[place]?.phase;
    if (phase === 'booting' || phase === 'ready' || phase === 'accepting')
      add(`${place} workers ${phase === 'booting' ? 'do not load' : 'die'}`, (turns) => turns.workers.fails(place));
  }
  if (master.prep === 'settling' || master.prep === 'writing') add('cannot prepare', (turns) => turns.cannotPrepare());
  if (master.candidacy.is === 'exposing' || master.candidacy.is === 'rotating')
    add('cannot do that', (turns) => {
      turns.master.tasks = turns.master.tasks.filter((task) => task !== 'rotate' && task !== 'succeed');
      turns.candidate({ event: 'exposeFailed', reason: 'x' });
    });
  if (master.tasks[0] === 'claim')
    add('cannot claim', (turns) => {
      turns.master.tasks.shift();
      turns.candidate({ event: 'exposeFailed', reason: 'x' });
    });
}
