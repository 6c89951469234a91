/** What follows for a master that is not in charge yet: the table of candidacy.ts. Pure. */
import type { Candidacy, CandidacyEffect, CandidacyEvent, Purpose, Stop } from './candidacy.js';
import { CANDIDATE_PATIENCE } from './limits.js';
import { ignore, refuse, type Step, type Table, take, to } from './step.js';

type State = Candidacy;
type Outcome = Step<State, CandidacyEffect>;

const STOPPED = 'was told to stop';

const refused = refuse('this master is not in charge yet');
const step = (state: State, ...effects: readonly CandidacyEffect[]): Outcome => to<State, CandidacyEffect>(state, ...effects);
const leave = (status: number, reason: string): Outcome => step({ is: 'leaving' }, { do: 'leave', status, reason });
const fail = (status: number, reason: string): Outcome =>
  step({ is: 'leaving' }, { do: 'sayFailed', status, reason }, { do: 'leave', status, reason });
const stopped = (): Outcome => fail(0, STOPPED);
const nonsense = (): Outcome => leave(1, 'the incumbent said "commit" or "show" out of turn');
const order = (quick: boolean): Stop => (quick ? 'quick' : 'graceful');
const claim = (loaded: boolean, stop: Stop = 'none'): Outcome => step({ is: 'claiming', loaded, stop }, { do: 'claim' });
const takeCharge = (stop: Stop): Outcome => step({ is: 'incumbent' }, { do: 'takeCharge', stop });
const expose = (to: Purpose, stop: Stop = 'none'): Outcome => step({ is: 'exposing', to, stop }, { do: 'expose' });
/** It has served beside the incumbent, which drains its workers as soon as we are in charge: one that accepts has to be left. */
const assure = (stop: Stop = 'none'): Outcome => step({ is: 'exposing', to: 'succeed', stop }, { do: 'assure' });
const rotate = (stop: Stop): Outcome => step({ is: 'rotating', stop }, { do: 'rotate' });
const withdraw = (): Outcome => step({ is: 'withdrawing' }, { do: 'withdraw' });
/** Soon in charge, by the pidfile perhaps already: what this generation runs may be older than the order. */
const reloadLater = (state: State): Outcome => step(state, { do: 'reloadLater' });
const renew = (state: State): Outcome => step(state, { do: 'renew' });
const cancelled = (_state: State, { reason }: { readonly reason: string }): Outcome => leave(1, reason);

const exposed = {
  begin: takeCharge,
  reign: takeCharge,
  succeed: rotate,
  outlive: rotate,
  try: (stop: Stop): Outcome => {
    if (stop === 'quick') return stopped();
    return stop === 'graceful' ? withdraw() : step({ is: 'beside' }, { do: 'sayBeside' });
  },
} as const satisfies Readonly<Record<Purpose, (stop: Stop) => Outcome>>;

/** In whose place nobody goes on: it tries again. */
const ALONE: readonly Purpose[] = ['reign', 'outlive'];
/** On whom no incumbent waits. */
const REIGN: readonly Purpose[] = ['begin', 'reign'];

const quiet = {
  loaded: ignore,
  loadFailed: ignore,
  show: nonsense,
  commit: nonsense,
  cancel: ignore,
  gone: ignore,
  claimed: ignore,
  exposed: ignore,
  exposeFailed: ignore,
  rotated: ignore,
  upgrade: refused,
  drain: refused,
  // Everything was read a moment ago.
  reload: ignore,
  deadline: ignore,
} as const;

const waiting = {
  ...quiet,
  cancel: cancelled,
  // Not gone before the incumbent has heard it: if that is dead, nobody else is there.
  loadFailed: (_state: State, { status, reason }: { readonly status: number; readonly reason: string }, now: number) =>
    step({ is: 'failing', deadline: now + CANDIDATE_PATIENCE, status, reason }, { do: 'sayFailed', status, reason }),
  deadline: () => leave(1, 'heard nothing from the incumbent until long after the deadline'),
  stop: stopped,
};

const cells: Table<State, CandidacyEvent, CandidacyEffect> = {
  first: {
    ...quiet,
    loaded: () => expose('begin'),
    loadFailed: (_state, { status, reason }) => leave(status, reason),
    stop: () => leave(0, STOPPED),
    reload: reloadLater,
    upgrade: refuse('the master is still starting'),
  },
  loading: {
    ...waiting,
    loaded: ({ deadline }) => step({ is: 'ready', deadline }, { do: 'sayReady' }),
    gone: () => claim(false),
  },
  ready: {
    ...waiting,
    show: () => expose('try'),
    commit: () => expose('succeed'),
    gone: () => claim(true),
  },
  failing: {
    ...quiet,
    // Said before it heard of our failure.
    show: ignore,
    commit: ignore,
    cancel: ({ status, reason }) => leave(status, reason),
    deadline: ({ status, reason }) => leave(status, reason),
    gone: ({ reason }) => step({ is: 'claiming', loaded: false, stop: 'none' }, { do: 'retry', reason }, { do: 'claim' }),
    stop: () => leave(0, STOPPED),
  },
  exposing: {
    ...quiet,
    // After commit there is no way back but the incumbent's: should it be gone, we go on and take its place.
    // Alone, with a worker that never accepts, nothing is to be waited for.
    stop: (state, { quick }) => {
      if (REIGN.includes(state.to)) return takeCharge(order(quick));
      return state.to === 'outlive' ? rotate(order(quick)) : to({ ...state, stop: order(quick) });
    },
    cancel: (state, event) => (state.to === 'try' ? cancelled(state, event) : ignore(state)),
    gone: (state) => {
      if (state.to === 'try') return claim(true, state.stop);
      if (state.to !== 'succeed') return ignore(state);
      return state.stop === 'none' ? to({ ...state, to: 'outlive' }) : rotate(state.stop);
    },
    // It loads, and cannot serve.
    loadFailed: (state, { status, reason }) => (ALONE.includes(state.to) ? step(state, { do: 'retry', reason }) : fail(status, reason)),
    exposed: (state) => exposed[state.to](state.stop),
    // Alone, they may be of a release that never accepts, and this is the way to another one.
    reload: (state) => {
      if (state.to === 'try' || state.stop !== 'none') return ignore(state);
      return ALONE.includes(state.to) ? renew(state) : reloadLater(state);
    },
    exposeFailed: (_state, { reason }) => fail(1, reason),
  },
  beside: {
    ...quiet,
    commit: () => assure(),
    cancel: cancelled,
    gone: () => claim(true),
    stop: (_state, { quick }) => (quick ? stopped() : withdraw()),
    // It may be hours until somebody decides.
    reload: refused,
  },
  withdrawing: {
    ...quiet,
    commit: () => assure('graceful'),
    cancel: cancelled,
    gone: () => claim(true, 'graceful'),
    stop: (state, { quick }) => (quick ? stopped() : ignore(state)),
    reload: refused,
  },
  rotating: {
    ...quiet,
    stop: (state, { quick }) => to({ ...state, stop: order(quick) }),
    rotated: (state) => takeCharge(state.stop),
    reload: reloadLater,
    exposeFailed: (_state, { reason }) => fail(1, reason),
  },
  claiming: {
    ...quiet,
    loaded: (state) => to({ ...state, loaded: true }),
    loadFailed: (state, { reason }) => step({ ...state, loaded: false }, { do: 'retry', reason }),
    // By hand they accepted already, but for one that had to be started again.
    exposed: (state) => to({ ...state, loaded: true }),
    exposeFailed: (_state, { reason }) => leave(1, reason),
    // As below: the pidfile may name us by now.
    reload: (state) => (state.stop === 'none' ? renew({ ...state, loaded: false }) : ignore(state)),
    // Whoever leaves before it knows whose the files are removes either too few or somebody else's.
    stop: (state, { quick }) => to({ ...state, stop: order(quick) }),
    claimed: ({ loaded, stop }, { ours }) => {
      if (!ours) return leave(1, 'the incumbent died and somebody else took its place');
      if (stop === 'none') return loaded ? expose('reign') : to({ is: 'alone' });
      // As in `exposing`: nothing is to be waited for, and one of them may never accept.
      return loaded ? step({ is: 'incumbent' }, { do: 'expose' }, { do: 'takeCharge', stop }) : leave(0, STOPPED);
    },
  },
  alone: {
    ...quiet,
    // It may be a release that never loads, and this is the way to another one.
    reload: renew,
    loaded: () => expose('reign'),
    exposed: () => takeCharge('none'),
    loadFailed: (state, { reason }) => step(state, { do: 'retry', reason }),
    stop: () => leave(0, STOPPED),
  },
  incumbent: { ...quiet, show: ignore, commit: ignore, stop: ignore, upgrade: ignore },
  leaving: { ...quiet, show: ignore, commit: ignore, stop: ignore, upgrade: ignore },
};

/** A candidate that has `deadline` milliseconds from `now` on, as its incumbent counts them. */
export function newCandidacy(now: number, deadline: number): Candidacy {
  return { is: 'loading', deadline: now + deadline + CANDIDATE_PATIENCE };
}

export function candidacy(state: Candidacy, event: CandidacyEvent, now: number): Outcome {
  return take(cells, state, event, now);
}
