import test from 'ava';
import type { Candidacy, CandidacyEvent } from '#src/upgrade/candidacy.js';
import { candidacy, newCandidacy } from '#src/upgrade/candidacy-table.js';
import { CANDIDATE_PATIENCE } from '#src/upgrade/limits.js';

function tell(from: Candidacy, ...events: readonly CandidacyEvent[]): { readonly state: Candidacy; readonly done: readonly string[] } {
  let state = from;
  const done: string[] = [];
  for (const event of events) {
    const next = candidacy(state, event, 0);
    state = next.state;
    done.push(...next.effects.map((effect) => effect.do));
  }
  return { state, done };
}

const loading: Candidacy = { is: 'loading', deadline: 10 };
const loaded = { event: 'loaded' } as const;
const gone = { event: 'gone' } as const;
const term = { event: 'stop', quick: false } as const;

test('a candidate exposes nothing before commit', (t) => {
  t.deepEqual(tell(loading, loaded).done, ['sayReady']);
  t.deepEqual(tell(loading, { event: 'commit' }).done, ['leave']);
  t.deepEqual(tell(loading, loaded, { event: 'commit' }, { event: 'exposed' }, { event: 'rotated' }), {
    state: { is: 'incumbent' },
    done: ['sayReady', 'expose', 'rotate', 'takeCharge'],
  });
});

test('the first generation serves without asking anybody, or leaves with the status of its failure', (t) => {
  t.deepEqual(tell({ is: 'first' }, loaded, { event: 'exposed' }).done, ['expose', 'takeCharge']);
  t.deepEqual(candidacy({ is: 'first' }, { event: 'loadFailed', status: 4, reason: 'x' }, 0).effects, [
    { do: 'leave', status: 4, reason: 'x' },
  ]);
});

test('a stop does not wait for workers that never accept, unless an incumbent waits for them', (t) => {
  t.deepEqual(candidacy({ is: 'exposing', to: 'reign', stop: 'none' }, term, 0).effects, [{ do: 'takeCharge', stop: 'graceful' }]);
  t.deepEqual(candidacy({ is: 'exposing', to: 'succeed', stop: 'none' }, term, 0).effects, []);
});

test('nor does it where the incumbent died after the commit, whichever came first', (t) => {
  const committed = [loaded, { event: 'commit' }] as const;
  const failed = { event: 'loadFailed', status: 4, reason: 'x' } as const;
  const rest = [{ event: 'rotated' }] as const;
  t.deepEqual(tell(loading, ...committed, gone, failed, term, ...rest).done, ['sayReady', 'expose', 'retry', 'rotate', 'takeCharge']);
  t.deepEqual(tell(loading, ...committed, term, gone, ...rest).done, ['sayReady', 'expose', 'rotate', 'takeCharge']);
});

test('workers that load and cannot serve are a failure, where somebody else serves or nobody has yet', (t) => {
  const failed = { event: 'loadFailed', status: 4, reason: 'x' } as const;
  t.deepEqual(tell({ is: 'first' }, loaded, failed).done, ['expose', 'sayFailed', 'leave']);
  t.deepEqual(tell(loading, loaded, { event: 'commit' }, failed).done, ['sayReady', 'expose', 'sayFailed', 'leave']);
  t.deepEqual(tell(loading, loaded, { event: 'show' }, failed).done, ['sayReady', 'expose', 'sayFailed', 'leave']);
});

test('and are started again, where nobody else is left', (t) => {
  const failed = { event: 'loadFailed', status: 4, reason: 'x' } as const;
  const claimed = tell(loading, loaded, gone, { event: 'claimed', ours: true }, failed, { event: 'exposed' });
  t.deepEqual(claimed.done, ['sayReady', 'claim', 'expose', 'retry', 'takeCharge']);
  const outlives = tell(loading, loaded, { event: 'commit' }, gone, failed, { event: 'exposed' }, { event: 'rotated' });
  t.deepEqual(outlives.done, ['sayReady', 'expose', 'retry', 'rotate', 'takeCharge']);
});

test('a candidate that fails says so, and leaves when it is told to or nobody answers', (t) => {
  for (const failed of [
    tell(loading, { event: 'loadFailed', status: 4, reason: 'x' }),
    tell(loading, loaded, { event: 'loadFailed', status: 4, reason: 'x' }),
  ]) {
    t.is(failed.done.at(-1), 'sayFailed');
    t.deepEqual(failed.state, { is: 'failing', deadline: CANDIDATE_PATIENCE, status: 4, reason: 'x' });
    t.deepEqual(tell(failed.state, { event: 'commit' }, { event: 'show' }), { state: failed.state, done: [] }, 'said before it was heard');
    for (const event of [{ event: 'cancel', reason: 'y' }, { event: 'deadline' }] as const)
      t.deepEqual(candidacy(failed.state, event, 0).effects, [{ do: 'leave', status: 4, reason: 'x' }]);
    t.deepEqual(tell(failed.state, term).done, ['leave']);
  }
});

test('and tries again, in charge, where the incumbent died before it could hear that', (t) => {
  const failed = tell(loading, { event: 'loadFailed', status: 4, reason: 'x' }, gone);
  t.deepEqual(failed, { state: { is: 'claiming', loaded: false, stop: 'none' }, done: ['sayFailed', 'retry', 'claim'] });
});

test('an incumbent that dies before commit is succeeded by whoever wins the right to', (t) => {
  t.deepEqual(tell(loading, loaded, gone, { event: 'claimed', ours: true }, { event: 'exposed' }).done, [
    'sayReady',
    'claim',
    'expose',
    'takeCharge',
  ]);
  t.is(tell(loading, loaded, gone, { event: 'claimed', ours: false }).state.is, 'leaving');
});

test('a stop while it claims waits until it knows whose the place is', (t) => {
  const stopped = tell(loading, gone, term);
  t.deepEqual(stopped.done, ['claim']);
  t.deepEqual(tell(stopped.state, { event: 'claimed', ours: true }), { state: { is: 'leaving' }, done: ['leave'] });
  const claiming = tell(loading, loaded, gone, term);
  t.deepEqual(tell(claiming.state, { event: 'claimed', ours: true }), { state: { is: 'incumbent' }, done: ['expose', 'takeCharge'] });
});

test('a candidate on its own goes on booting, and tries again when that fails', (t) => {
  const alone = tell(loading, gone, { event: 'claimed', ours: true });
  t.is(alone.state.is, 'alone');
  t.deepEqual(tell(alone.state, { event: 'loadFailed', status: 4, reason: 'x' }, loaded).done, ['retry', 'expose']);
});

test('a candidate on its own loads what is current at HUP, while its incumbent lives it does not', (t) => {
  t.deepEqual(tell({ is: 'alone' }, { event: 'reload' }), { state: { is: 'alone' }, done: ['renew'] });
  const claiming = { is: 'claiming', loaded: false, stop: 'none' } as const;
  t.deepEqual(tell(claiming, { event: 'reload' }), { state: claiming, done: ['renew'] });
  t.deepEqual(tell({ ...claiming, loaded: true }, { event: 'reload' }), { state: claiming, done: ['renew'] });
  for (const to of ['reign', 'outlive'] as const)
    t.deepEqual(tell({ is: 'exposing', to, stop: 'none' }, { event: 'reload' }).done, ['renew']);
  t.deepEqual(tell(loading, { event: 'reload' }), { state: loading, done: [] });
  const renews = (['begin', 'reign', 'succeed', 'outlive', 'try'] as const).filter((to) =>
    tell({ is: 'exposing', to, stop: 'none' }, { event: 'reload' }).done.includes('renew'),
  );
  t.deepEqual(renews, ['reign', 'outlive']);
});

test('a HUP to one that is all but in charge is followed when it is, and none to one that is to stop then', (t) => {
  for (const state of [
    { is: 'first' },
    { is: 'exposing', to: 'begin', stop: 'none' },
    { is: 'exposing', to: 'succeed', stop: 'none' },
    { is: 'rotating', stop: 'none' },
  ] as const)
    t.deepEqual(tell(state, { event: 'reload' }), { state, done: ['reloadLater'] });
  for (const state of [
    { is: 'claiming', loaded: true, stop: 'graceful' },
    { is: 'exposing', to: 'reign', stop: 'graceful' },
    { is: 'exposing', to: 'try', stop: 'none' },
  ] as const)
    t.deepEqual(tell(state, { event: 'reload' }), { state, done: [] });
});

test('an incumbent that dies after commit changes nothing', (t) => {
  t.deepEqual(tell(loading, loaded, { event: 'commit' }, gone, { event: 'exposed' }, gone, { event: 'rotated' }).done, [
    'sayReady',
    'expose',
    'rotate',
    'takeCharge',
  ]);
});

test('TERM to a candidate ends it before commit, and waits until it is in charge after', (t) => {
  t.deepEqual(tell(loading, term).done, ['sayFailed', 'leave']);
  const committed = tell(loading, loaded, { event: 'commit' }, term);
  t.is(committed.state.is, 'exposing');
  t.deepEqual(candidacy({ is: 'rotating', stop: 'graceful' }, { event: 'rotated' }, 0).effects, [{ do: 'takeCharge', stop: 'graceful' }]);
});

test('USR2 to a candidate is refused', (t) => {
  for (const state of [loading, { is: 'ready', deadline: 1 }, { is: 'alone' }] as const)
    t.deepEqual(tell(state, { event: 'upgrade' }).done, ['refuse']);
});

test("a candidate that hears nothing leaves five seconds after the incumbent's deadline", (t) => {
  t.deepEqual(newCandidacy(100, 60_000), { is: 'loading', deadline: 60_100 + CANDIDATE_PATIENCE });
  t.is(tell(loading, { event: 'deadline' }).state.is, 'leaving');
});

// By hand.

const show = { event: 'show' } as const;
const commit = { event: 'commit' } as const;
const exposed = { event: 'exposed' } as const;

test('by hand: it accepts beside the incumbent, and after the commit somebody has to accept still', (t) => {
  const { state, done } = tell(loading, loaded, show, exposed);
  t.deepEqual({ state, done }, { state: { is: 'beside' }, done: ['sayReady', 'expose', 'sayBeside'] });
  t.deepEqual(tell(state, { event: 'deadline' }), { state, done: [] });
  t.deepEqual(tell(state, commit).done, ['assure']);
  t.deepEqual(tell(state, commit, exposed, { event: 'rotated' }), {
    state: { is: 'incumbent' },
    done: ['assure', 'rotate', 'takeCharge'],
  });
});

test('by hand: TERM asks to withdraw, and it serves until it is let go', (t) => {
  const { state, done } = tell({ is: 'beside' }, term);
  t.deepEqual(done, ['withdraw']);
  t.deepEqual(tell(state, { event: 'cancel', reason: 'x' }).done, ['leave']);
  t.deepEqual(tell({ is: 'exposing', to: 'try', stop: 'none' }, term, exposed).done, ['withdraw']);
});

test('by hand: one that is to withdraw and is committed stops when it is in charge', (t) => {
  t.deepEqual(candidacy({ is: 'rotating', stop: 'graceful' }, { event: 'rotated' }, 0).effects, [{ do: 'takeCharge', stop: 'graceful' }]);
  t.deepEqual(tell({ is: 'withdrawing' }, commit, exposed).state, { is: 'rotating', stop: 'graceful' });
});

test('by hand: INT leaves at once', (t) => {
  t.deepEqual(tell({ is: 'beside' }, { event: 'stop', quick: true }).done, ['sayFailed', 'leave']);
});

test('by hand: an incumbent that dies is succeeded, whatever stage the candidate is in', (t) => {
  const won = [gone, { event: 'claimed', ours: true }, exposed] as const;
  for (const state of [
    { is: 'exposing', to: 'try', stop: 'none' },
    { is: 'beside' },
    { is: 'withdrawing' },
  ] as const satisfies readonly Candidacy[])
    t.deepEqual(tell(state, ...won).done, ['claim', 'expose', 'takeCharge'], state.is);
  t.deepEqual(tell({ is: 'withdrawing' }, gone).state, { is: 'claiming', loaded: true, stop: 'graceful' });
});

test('by hand: orders for the one in charge are refused', (t) => {
  for (const event of ['upgrade', 'reload', 'drain'] as const) t.deepEqual(tell({ is: 'beside' }, { event }).done, ['refuse']);
});

test('by hand, a candidate whose incumbent dies while its workers begin to accept, and one of them too, is in charge when all do', (t) => {
  const trying: Candidacy = { is: 'exposing', to: 'try', stop: 'none' };
  const failed = { event: 'loadFailed', status: 3, reason: 'x' } as const;
  const [claimed, exposed] = [{ event: 'claimed', ours: true }, { event: 'exposed' }] as const;
  t.deepEqual(tell(trying, gone, failed, claimed, exposed), { state: { is: 'incumbent' }, done: ['claim', 'retry', 'takeCharge'] });
  t.deepEqual(tell(trying, gone, failed, exposed, claimed).done, ['claim', 'retry', 'expose']);
});
