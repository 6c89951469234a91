/**
 * A master from its start until it is in charge or has left. Pure.
 *
 *   first -----------------> exposing -----------> incumbent
 *   loading -> ready -> exposing -> rotating -> incumbent
 *      |         |         the incumbent died before commit:
 *      +---------+-> claiming -> alone -> exposing ...
 */
import { CANDIDATE_PATIENCE } from './limits.js';
import { ignore, type Refusal, refuse, type Step, type Table, take, to } from './step.js';

export type Candidacy =
  /** The first generation: nobody was there before. */
  | { readonly is: 'first' }
  | { readonly is: 'loading'; readonly deadline: number }
  | { readonly is: 'ready'; readonly deadline: number }
  /** `claimed`: the pidfile is ours already, for the incumbent died before commit. `stop`: an order to follow once in charge. */
  | { readonly is: 'exposing'; readonly claimed: boolean; readonly stop: Stop }
  | { readonly is: 'rotating'; readonly stop: Stop }
  | { readonly is: 'claiming'; readonly loaded: boolean }
  | { readonly is: 'alone' }
  | { readonly is: 'incumbent' }
  | { readonly is: 'leaving' };

export type Stop = 'none' | 'graceful' | 'quick';

export type CandidacyEvent =
  /** All workers are loaded and probed. */
  | { readonly event: 'loaded' }
  | { readonly event: 'loadFailed'; readonly status: number; readonly reason: string }
  | { readonly event: 'commit' }
  | { readonly event: 'cancel'; readonly reason: string }
  /** The incumbent's channel is at its end. */
  | { readonly event: 'gone' }
  /** Whether we, and nobody else, may succeed the dead incumbent. */
  | { readonly event: 'claimed'; readonly ours: boolean }
  /** All workers accept. */
  | { readonly event: 'exposed' }
  | { readonly event: 'exposeFailed'; readonly reason: string }
  | { readonly event: 'rotated' }
  | { readonly event: 'stop'; readonly quick: boolean }
  | { readonly event: 'upgrade' }
  | { readonly event: 'reload' }
  | { readonly event: 'drain' }
  | { readonly event: 'deadline' };

export type CandidacyEffect =
  | Refusal
  | { readonly do: 'sayReady' }
  | { readonly do: 'sayFailed'; readonly status: number; readonly reason: string }
  | { readonly do: 'expose' }
  | { readonly do: 'rotate' }
  | { readonly do: 'claim' }
  /** Start the workers that failed again, after a while. */
  | { readonly do: 'retry'; readonly reason: string }
  /** Be in charge: say *serving*, let a dead predecessor's lease go, follow the order that waited. */
  | { readonly do: 'takeCharge'; readonly stop: Stop }
  | { readonly do: 'leave'; readonly status: number; readonly reason: string };

type State = Candidacy;
type Outcome = Step<State, CandidacyEffect>;

const refused = refuse('this master is not in charge yet');
const leave = (status: number, reason: string): Outcome => to<State, CandidacyEffect>({ is: 'leaving' }, { do: 'leave', status, reason });
const fail = (status: number, reason: string): Outcome =>
  to<State, CandidacyEffect>({ is: 'leaving' }, { do: 'sayFailed', status, reason }, { do: 'leave', status, reason });
const stopped = (): Outcome => fail(0, 'was told to stop');
const nonsense = (): Outcome => leave(1, 'the incumbent said "commit" out of turn');
const order = (quick: boolean): Stop => (quick ? 'quick' : 'graceful');
const claim = (loaded: boolean): Outcome => to<State, CandidacyEffect>({ is: 'claiming', loaded }, { do: 'claim' });
const takeCharge = (stop: Stop): Outcome => to<State, CandidacyEffect>({ is: 'incumbent' }, { do: 'takeCharge', stop });
const exposeAlone = (): Outcome => to<State, CandidacyEffect>({ is: 'exposing', claimed: true, stop: 'none' }, { do: 'expose' });

const quiet = {
  loaded: ignore,
  loadFailed: ignore,
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
  cancel: (_state: State, { reason }: { readonly reason: string }) => leave(1, reason),
  loadFailed: (_state: State, { status, reason }: { readonly status: number; readonly reason: string }) => fail(status, reason),
  deadline: () => leave(1, 'heard nothing from the incumbent until long after the deadline'),
  stop: stopped,
};

const cells: Table<State, CandidacyEvent, CandidacyEffect> = {
  first: {
    ...quiet,
    loaded: exposeAlone,
    loadFailed: (_state, { status, reason }) => leave(status, reason),
    stop: () => leave(0, 'was told to stop'),
    upgrade: refuse('the master is still starting'),
  },
  loading: {
    ...waiting,
    loaded: ({ deadline }) => to<State, CandidacyEffect>({ is: 'ready', deadline }, { do: 'sayReady' }),
    gone: () => claim(false),
  },
  ready: {
    ...waiting,
    commit: () => to<State, CandidacyEffect>({ is: 'exposing', claimed: false, stop: 'none' }, { do: 'expose' }),
    gone: () => claim(true),
  },
  exposing: {
    ...quiet,
    // After commit there is no way back but the incumbent's: should it be gone, we go on and take its place.
    stop: (state, { quick }) => to({ ...state, stop: order(quick) }),
    exposed: (state) =>
      state.claimed ? takeCharge(state.stop) : to<State, CandidacyEffect>({ is: 'rotating', stop: state.stop }, { do: 'rotate' }),
    exposeFailed: (_state, { reason }) => fail(1, reason),
  },
  rotating: {
    ...quiet,
    stop: (state, { quick }) => to({ ...state, stop: order(quick) }),
    rotated: (state) => takeCharge(state.stop),
    exposeFailed: (_state, { reason }) => fail(1, reason),
  },
  claiming: {
    ...quiet,
    loaded: () => to({ is: 'claiming', loaded: true }),
    loadFailed: (_state, { reason }) => to<State, CandidacyEffect>({ is: 'claiming', loaded: false }, { do: 'retry', reason }),
    exposeFailed: (_state, { reason }) => leave(1, reason),
    stop: () => leave(0, 'was told to stop'),
    claimed: (state, { ours }) => {
      if (!ours) return leave(1, 'the incumbent died and somebody else took its place');
      return state.loaded ? exposeAlone() : to({ is: 'alone' });
    },
  },
  alone: {
    ...quiet,
    loaded: exposeAlone,
    loadFailed: (state, { reason }) => to<State, CandidacyEffect>(state, { do: 'retry', reason }),
    stop: () => leave(0, 'was told to stop'),
  },
  incumbent: { ...quiet, commit: ignore, stop: ignore, upgrade: ignore },
  leaving: { ...quiet, commit: ignore, stop: ignore, upgrade: ignore },
};

/** A candidate that has `deadline` milliseconds from `now` on, as its incumbent counts them. */
export function newCandidacy(now: number, deadline: number): Candidacy {
  return { is: 'loading', deadline: now + deadline + CANDIDATE_PATIENCE };
}

export function candidacy(state: Candidacy, event: CandidacyEvent, now: number): Outcome {
  return take(cells, state, event, now);
}
