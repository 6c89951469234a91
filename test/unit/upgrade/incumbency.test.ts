import test from 'ava';
import type { Incumbency, IncumbencyEffect, IncumbencyEvent } from '#src/upgrade/incumbency.js';
import { incumbencyOf } from '#src/upgrade/incumbency-table.js';
import { COMMIT_LIMIT } from '#src/upgrade/limits.js';

const step = incumbencyOf({ timeout: 60_000, manual: false });
const byHand = incumbencyOf({ timeout: 60_000, manual: true });

interface Told {
  readonly state: Incumbency;
  readonly done: readonly string[];
}

/** Let the events happen one after the other, one millisecond apart, and name the effects. */
function tell(from: Incumbency, ...events: readonly IncumbencyEvent[]): Told {
  return tellBy(step, from, events);
}

/** The same for a master with `--upgrade manual`. */
function tellByHand(from: Incumbency, ...events: readonly IncumbencyEvent[]): Told {
  return tellBy(byHand, from, events);
}

function tellBy(step: typeof byHand, from: Incumbency, events: readonly IncumbencyEvent[]): Told {
  let state = from;
  const done: string[] = [];
  for (const [now, event] of events.entries()) {
    const { state: next, effects } = step(state, event, now);
    state = next;
    done.push(...effects.map((effect: IncumbencyEffect) => effect.do));
  }
  return { state, done };
}

const serving: Incumbency = { is: 'serving' };
const upgrade = { event: 'upgrade' } as const;
const hello = { event: 'hello' } as const;
const ready = { event: 'ready' } as const;
const released = { event: 'retireesReleased' } as const;
const gone = { event: 'gone' } as const;
const term = { event: 'stop', quick: false } as const;
const retiring: Incumbency = { is: 'retiring', stop: 'none' };

const STATES: readonly Incumbency[] = [
  serving,
  { is: 'reloading', hup: false, upgrade: false },
  { is: 'launching', deadline: 10, hup: false },
  { is: 'preparing', deadline: 10, hup: false },
  { is: 'showing', deadline: 10, hup: false, commit: false },
  { is: 'deciding', hup: false },
  { is: 'releasing', deadline: 10, hup: false, beside: false, withdrawn: false },
  { is: 'releasing', deadline: 10, hup: false, beside: true, withdrawn: false },
  { is: 'committing', deadline: 10, hup: false, stop: 'none', beside: false },
  { is: 'committing', deadline: 10, hup: false, stop: 'none', beside: true },
  { is: 'recovering', reason: 'x', hup: false, end: 'behead' },
  { is: 'reverting', reason: 'x', hup: false },
  { is: 'retiring', stop: 'none' },
  { is: 'retiring', stop: 'graceful' },
  { is: 'released' },
  { is: 'restoring', hup: false },
  { is: 'returning', hup: false },
  { is: 'stopping', quick: false, reverting: null },
  { is: 'left' },
];
const EVENTS: readonly IncumbencyEvent[] = [
  upgrade,
  { event: 'reload' },
  { event: 'drain' },
  term,
  { event: 'stop', quick: true },
  { event: 'reloaded' },
  hello,
  ready,
  { event: 'beside' },
  { event: 'withdraw' },
  { event: 'serving' },
  { event: 'failed', reason: 'x' },
  gone,
  { event: 'cleared' },
  released,
  { event: 'release' },
  { event: 'emptied' },
  { event: 'restored', ours: true },
  { event: 'restored', ours: false },
  { event: 'accepting' },
  { event: 'deadline' },
  { event: 'empty' },
];

test('an upgrade goes through its steps in order and ends with a farewell', (t) => {
  const { state, done } = tell(
    serving,
    upgrade,
    hello,
    ready,
    released,
    { event: 'serving' },
    { event: 'emptied' },
    { event: 'release' },
    { event: 'empty' },
  );
  t.is(state.is, 'left');
  t.deepEqual(done, ['launch', 'releaseRetirees', 'commit', 'retire', 'dropAndDrain', 'giveWord', 'leave']);
});

test('every state answers every event, and none is left without a way on', (t) => {
  for (const state of STATES) for (const event of EVENTS) t.notThrows(() => step(state, event, 0), `${state.is} x ${event.event}`);
});

test('only "releasing" commits, and only after the retirees gave their word', (t) => {
  const committing = STATES.flatMap((state) =>
    EVENTS.filter((event) => step(state, event, 0).effects.some((effect) => effect.do === 'commit')).map(
      (event) => `${state.is} ${event.event}`,
    ),
  );
  t.deepEqual(committing, ['releasing retireesReleased', 'releasing retireesReleased']);
});

test('only a retiree that has not given its word returns', (t) => {
  const restoring = STATES.flatMap((state) =>
    EVENTS.filter((event) => step(state, event, 0).effects.some((effect) => effect.do === 'restore')).map(
      (event) => `${state.is} ${event.event}`,
    ),
  );
  t.deepEqual(restoring, ['retiring gone', 'retiring gone']);
});

test('a second upgrade is refused, never queued', (t) => {
  t.deepEqual(tell(serving, upgrade, upgrade, hello, upgrade).done, ['launch', 'refuse', 'refuse']);
});

test('an upgrade that comes during a reload waits for it, one only', (t) => {
  const { done, state } = tell(serving, { event: 'reload' }, upgrade, upgrade, { event: 'reloaded' });
  t.deepEqual(done, ['reload', 'refuse', 'launch']);
  t.is(state.is, 'launching');
});

test('a hundred HUPs during a reload make one more', (t) => {
  const hups = Array.from({ length: 100 }, () => ({ event: 'reload' }) as const);
  t.deepEqual(tell(serving, ...hups, { event: 'reloaded' }, { event: 'reloaded' }).done, ['reload', 'reload']);
});

test('a HUP during an upgrade goes to the successor after commit, and is followed here after a roll-back', (t) => {
  const hup = { event: 'reload' } as const;
  t.deepEqual(tell(serving, upgrade, hup, hello, ready, released, { event: 'serving' }).done.slice(-2), ['retire', 'pass']);
  t.deepEqual(tell(serving, upgrade, hup, gone, { event: 'cleared' }).done, ['launch', 'revert', 'rolledBack', 'reload']);
});

test('before commit every failure of the candidate is a roll-back that ends in serving', (t) => {
  for (const failure of [gone, { event: 'failed', reason: 'x' }, { event: 'deadline' }, { event: 'serving' }] as const) {
    for (const before of [[upgrade], [upgrade, hello], [upgrade, hello, ready]] as const) {
      const { state, done } = tell(serving, ...before, failure, { event: 'cleared' });
      t.is(state.is, 'serving', `${before.length} ${failure.event}`);
      t.deepEqual(done.slice(-2), ['revert', 'rolledBack']);
    }
  }
});

test('a candidate is given the upgrade timeout, and ten seconds from commit to serving', (t) => {
  const committing = tell(serving, upgrade, hello, ready, released).state;
  t.is(tell(serving, upgrade).state.is === 'launching' && 60_000, 60_000);
  t.true(committing.is === 'committing' && committing.deadline === 3 + COMMIT_LIMIT);
});

test('a failure after commit reverts what may serve somebody already', (t) => {
  const committing: Incumbency = { is: 'committing', deadline: 10, hup: false, stop: 'none', beside: false };
  const { state, done } = tell(committing, gone, { event: 'accepting' });
  t.deepEqual(done, ['depose', 'regain', 'bringBack', 'reclaim', 'revert']);
  t.deepEqual(state, { is: 'reverting', reason: 'the candidate died between commit and serving', hup: false });
});

test('but where a candidate of that candidate took its place before, ours is with the retirees', (t) => {
  const committing: Incumbency = { is: 'committing', deadline: 10, hup: false, stop: 'none', beside: false };
  const { state, done } = tell(committing, { event: 'deadline' }, { event: 'restored', ours: false }, { event: 'accepting' });
  t.deepEqual(done, ['depose', 'regain', 'bringBack', 'giveWord', 'dropAndDrain']);
  t.deepEqual(state, { is: 'released' });
});

test('TERM before commit cancels the upgrade and stops', (t) => {
  for (const before of [[upgrade], [upgrade, hello], [upgrade, hello, ready]] as const)
    t.deepEqual(tell(serving, ...before, term).done.slice(-2), ['revert', 'stop']);
});

test('TERM between commit and serving is passed on, and comes back if the candidate does not live to follow it', (t) => {
  const committed = [upgrade, hello, ready, released, term] as const;
  t.is(tell(serving, ...committed).done.at(-1), 'pass');
  t.deepEqual(tell(serving, ...committed, gone).done.slice(-3), ['depose', 'revert', 'stop']);
});

test('and also where that serves already, and has not read it', (t) => {
  const quick = { event: 'stop', quick: true } as const;
  for (const order of [term, quick]) {
    const served = tell(serving, upgrade, hello, ready, released, order, { event: 'serving' });
    t.deepEqual(served.done.slice(-2), ['pass', 'retire']);
    const { state, done } = tell(served.state, gone, { event: 'restored', ours: true });
    t.deepEqual(state, { is: 'stopping', quick: order.quick, reverting: null });
    t.deepEqual(done, ['restore', 'stop', 'takeBack']);
  }
});

test('USR2 and HUP to a retiree are passed on', (t) => {
  t.deepEqual(tell(retiring, upgrade, { event: 'reload' }).done, ['pass', 'pass']);
  t.deepEqual(tell({ is: 'released' }, upgrade, { event: 'reload' }).done, ['pass', 'pass']);
});

test("a retiree that returns lets its dead successor's workers go only when its own accept", (t) => {
  const returned = tell(retiring, gone, { event: 'restored', ours: true });
  t.deepEqual(returned.done, ['restore', 'comeBack', 'regain', 'bringBack']);
  t.deepEqual(tell(returned.state, { event: 'accepting' }), { state: serving, done: ['reclaim', 'dropSuccessor'] });
});

test('a retiree that lost the succession goes on leaving', (t) => {
  const lost = tell(retiring, gone, { event: 'restored', ours: false });
  t.is(lost.state.is, 'released');
  t.is(tell(lost.state, { event: 'empty' }).state.is, 'left');
});

test('a stopping master becomes quick, never graceful again', (t) => {
  const quick = tell(serving, term, { event: 'stop', quick: true }, term);
  t.deepEqual(quick.done, ['stop', 'stop']);
  t.deepEqual(quick.state, { is: 'stopping', quick: true, reverting: null });
});

test('WINCH overrules the HUP that waited before it', (t) => {
  const hup = { event: 'reload' } as const;
  t.deepEqual(tell(serving, hup, hup, { event: 'drain' }, { event: 'reloaded' }), { state: serving, done: ['reload', 'drainWorkers'] });
});

test('WINCH is refused where it would leave nobody to come back', (t) => {
  for (const state of [{ is: 'returning', hup: false }, retiring, { is: 'restoring', hup: false }] as const)
    t.deepEqual(tell(state, { event: 'drain' }).done, ['refuse']);
});

test('a stop while the place is being taken back tidies up what is ours alone', (t) => {
  t.deepEqual(tell(retiring, gone, term, { event: 'restored', ours: true }).done, ['restore', 'stop', 'takeBack']);
});

test('a generation before that does not answer is named as the reason', (t) => {
  const { effects, state } = step(
    { is: 'releasing', deadline: 10, hup: false, beside: false, withdrawn: false },
    { event: 'deadline' },
    11,
  );
  t.deepEqual(effects, [{ do: 'revert', end: 'kill' }]);
  t.regex(JSON.stringify(state), /generation before did not answer/);
});

test('a retiree whose place was wanted drains even if nobody waited for its queues', (t) => {
  const lost = tell(retiring, gone, { event: 'emptied' }, { event: 'restored', ours: false });
  t.deepEqual(lost.done, ['restore', 'giveWord', 'dropAndDrain']);
});

test('a stop waits for the queues, a quick one does not', (t) => {
  t.deepEqual(tell(serving, term, { event: 'emptied' }).done, ['stop', 'closeAndDrain']);
  t.deepEqual(tell(serving, { event: 'stop', quick: true }, { event: 'emptied' }).done, ['stop']);
});

// By hand.

const beside = { event: 'beside' } as const;
const deciding: Incumbency = { is: 'deciding', hup: false };

test('by hand: the candidate serves beside us until TERM, which is the commit', (t) => {
  const shown = tellByHand(serving, upgrade, hello, ready, beside);
  t.deepEqual(shown, { state: deciding, done: ['launch', 'show', 'askOperator'] });
  const { state, done } = tellByHand(deciding, term, released, { event: 'serving' }, { event: 'emptied' }, { event: 'empty' });
  t.deepEqual(done, ['releaseRetirees', 'commit', 'retire', 'dropAndDrain', 'leave']);
  t.is(state.is, 'left');
});

test('by hand: nothing runs out, and nothing else is an answer', (t) => {
  for (const event of [{ event: 'deadline' }, { event: 'accepting' }, { event: 'emptied' }, { event: 'cleared' }] as const)
    t.deepEqual(tellByHand(deciding, event), { state: deciding, done: [] });
  t.deepEqual(tellByHand(deciding, upgrade), { state: deciding, done: ['refuse'] });
});

test('by hand: TERM that comes while the candidate begins to accept commits when it does', (t) => {
  t.deepEqual(tellByHand(serving, upgrade, hello, ready, term, beside, released).done, ['launch', 'show', 'releaseRetirees', 'commit']);
});

test('by hand: WINCH drains, HUP brings the same release back', (t) => {
  t.deepEqual(tellByHand(deciding, { event: 'drain' }, { event: 'reload' }), { state: deciding, done: ['drainWorkers', 'bringBack'] });
});

test('by hand: a candidate that is told to stop is let go when our workers accept', (t) => {
  const asked = tellByHand(deciding, { event: 'withdraw' });
  t.deepEqual(asked.done, ['regain', 'bringBack']);
  const letGo = byHand(asked.state, { event: 'accepting' }, 0);
  t.deepEqual(letGo.effects, [{ do: 'reclaim' }, { do: 'revert', end: 'dismiss' }]);
  t.is(tellByHand(letGo.state, { event: 'cleared' }).state.is, 'serving');
});

test('by hand: a candidate that dies is cleared away when our workers accept', (t) => {
  for (const failure of [gone, { event: 'failed', reason: 'x' }, { event: 'serving' }, hello] as const) {
    const { state, done } = tellByHand(deciding, failure, { event: 'accepting' }, { event: 'cleared' });
    t.deepEqual(done, ['depose', 'regain', 'bringBack', 'reclaim', 'revert', 'rolledBack'], failure.event);
    t.is(state.is, 'serving');
  }
});

test('by hand: one that dies while it is let go is as dead', (t) => {
  const { done, state } = tellByHand(deciding, { event: 'withdraw' }, gone);
  t.deepEqual(done, ['regain', 'bringBack', 'depose']);
  t.deepEqual(byHand(state, { event: 'accepting' }, 0).effects, [{ do: 'reclaim' }, { do: 'revert', end: 'behead' }]);
});

test('by hand: a second TERM is the same commit, and not a stop for the successor', (t) => {
  t.deepEqual(tellByHand(deciding, term, term, released, term, { event: 'stop', quick: true }).done, ['releaseRetirees', 'commit']);
});

test('by hand: a generation before that gives no word leaves the decision open', (t) => {
  t.deepEqual(tellByHand(deciding, term, { event: 'deadline' }), { state: deciding, done: ['releaseRetirees', 'refuse'] });
});

test('by hand: and lets a candidate go that was told to stop meanwhile', (t) => {
  const late = tellByHand(deciding, term, { event: 'withdraw' }, { event: 'deadline' });
  t.deepEqual(late.done, ['releaseRetirees', 'refuse', 'regain', 'bringBack']);
  t.deepEqual(byHand(late.state, { event: 'accepting' }, 0).effects, [{ do: 'reclaim' }, { do: 'revert', end: 'dismiss' }]);
});

test('by hand: a candidate that is not ready in time is rolled back as ever', (t) => {
  t.deepEqual(tellByHand(serving, upgrade, hello, { event: 'deadline' }, { event: 'cleared' }).done, ['launch', 'revert', 'rolledBack']);
});

test('a HUP while workers are brought back is followed when they accept, and leads to another release if theirs does not boot', (t) => {
  for (const state of [
    { is: 'returning', hup: false },
    { is: 'recovering', reason: 'x', hup: false, end: 'behead' },
  ] as const)
    t.deepEqual(tell(state, { event: 'reload' }), { state: { ...state, hup: true }, done: ['renewFailing'] });
});
