/**
 * A master from the moment when it is in charge to its exit: incumbent, then retiree. Pure.
 *
 *   serving -> launching -> preparing -> releasing -> committing -> retiring -> released -> left
 *      ^           |            |            |             |           |
 *      +---------- reverting <--+------------+-------------+           +-> restoring -> returning -> serving
 */
import { COMMIT_LIMIT } from './limits.js';
import { ignore, type Refusal, refuse, type Step, type Table, take, to } from './step.js';

interface Underway {
  /** Monotonic milliseconds. */
  readonly deadline: number;
  /** A HUP waits for the verdict. */
  readonly hup: boolean;
}

export type Incumbency =
  | { readonly is: 'serving' }
  | { readonly is: 'reloading'; readonly hup: boolean; readonly upgrade: boolean }
  | ({ readonly is: 'launching' } & Underway)
  | ({ readonly is: 'preparing' } & Underway)
  | ({ readonly is: 'releasing' } & Underway)
  /** `stop`: an order that was passed to the candidate, and is ours again if it does not live to follow it. */
  | ({ readonly is: 'committing'; readonly stop: 'none' | 'graceful' | 'quick' } & Underway)
  | { readonly is: 'reverting'; readonly reason: string; readonly hup: boolean }
  | { readonly is: 'retiring' }
  | { readonly is: 'released' }
  | { readonly is: 'restoring'; readonly hup: boolean }
  | { readonly is: 'returning'; readonly hup: boolean }
  /** `reverting`: why a candidate is being ended at the same time. */
  | { readonly is: 'stopping'; readonly quick: boolean; readonly reverting: string | null }
  | { readonly is: 'left' };

export type IncumbencyEvent =
  | { readonly event: 'upgrade' }
  | { readonly event: 'reload' }
  | { readonly event: 'stop'; readonly quick: boolean }
  /** WINCH: no workers, until a reload brings them back. */
  | { readonly event: 'drain' }
  /** A reload is over, for better or worse. */
  | { readonly event: 'reloaded' }
  | { readonly event: 'hello' }
  | { readonly event: 'ready' }
  | { readonly event: 'serving' }
  /** The candidate said that it cannot, or sent nonsense. */
  | { readonly event: 'failed'; readonly reason: string }
  /** The candidate's (later: successor's) channel is at its end. */
  | { readonly event: 'gone' }
  /** Nothing of the candidate is left. */
  | { readonly event: 'cleared' }
  /** All our retirees gave their word not to return; at once if there is none. */
  | { readonly event: 'retireesReleased' }
  /** Our successor wants our word. */
  | { readonly event: 'release' }
  /** Whether our place could be taken back from a dead successor. */
  | { readonly event: 'restored'; readonly ours: boolean }
  /** All the workers that we want accept. */
  | { readonly event: 'accepting' }
  | { readonly event: 'deadline' }
  /** No worker, no retiree, nothing of a candidate is left. */
  | { readonly event: 'empty' };

export type IncumbencyEffect =
  | Refusal
  | { readonly do: 'reload' }
  | { readonly do: 'drainWorkers' }
  | { readonly do: 'launch' }
  | { readonly do: 'releaseRetirees' }
  | { readonly do: 'commit' }
  /** End the candidate. `exposed`: its workers may serve somebody, so they drain. */
  | { readonly do: 'revert'; readonly exposed: boolean; readonly reason: string }
  | { readonly do: 'rolledBack'; readonly reason: string }
  | { readonly do: 'pass'; readonly signal: 'SIGUSR2' | 'SIGHUP' | 'SIGTERM' | 'SIGINT' }
  | { readonly do: 'retire' }
  | { readonly do: 'giveWord' }
  | { readonly do: 'restore' }
  | { readonly do: 'comeBack' }
  /** Let go of a dead successor's workers: ours accept. */
  | { readonly do: 'dropSuccessor' }
  /** We are in charge again only to stop: what is ours alone is to be tidied up by us. */
  | { readonly do: 'takeBack' }
  | { readonly do: 'stop'; readonly quick: boolean }
  | { readonly do: 'leave' };

type State = Incumbency;
type Outcome = Step<State, IncumbencyEffect>;

const STOPPED = 'the master was told to stop';
const TOO_LATE = 'the candidate was not ready within --upgrade-timeout';
const UNRELEASED = 'the generation before did not answer within --upgrade-timeout (is it stopped?)';
const busy = refuse('an upgrade is under way');

function launch(hup: boolean, now: number, upgradeTimeout: number): Outcome {
  return to<State, IncumbencyEffect>({ is: 'launching', deadline: now + upgradeTimeout, hup }, { do: 'launch' });
}

function revert(state: { readonly hup: boolean }, reason: string): Outcome {
  return to<State, IncumbencyEffect>({ is: 'reverting', reason, hup: state.hup }, { do: 'revert', exposed: false, reason });
}

/** The candidate failed after commit: its workers may serve somebody already. */
function revertExposed(state: Extract<State, { readonly is: 'committing' }>, reason: string): Outcome {
  const end = { do: 'revert', exposed: true, reason } as const;
  if (state.stop === 'none') return to<State, IncumbencyEffect>({ is: 'reverting', reason, hup: state.hup }, end);
  const quick = state.stop === 'quick';
  return to<State, IncumbencyEffect>({ is: 'stopping', quick, reverting: reason }, end, { do: 'stop', quick });
}

const stop = (_state: State, { quick }: { readonly quick: boolean }): Outcome =>
  to<State, IncumbencyEffect>({ is: 'stopping', quick, reverting: null }, { do: 'stop', quick });

/** The order of TERM before commit: cancel the upgrade, then stop. */
const cancelAndStop = (_state: State, { quick }: { readonly quick: boolean }): Outcome =>
  to<State, IncumbencyEffect>(
    { is: 'stopping', quick, reverting: STOPPED },
    { do: 'revert', exposed: false, reason: STOPPED },
    { do: 'stop', quick },
  );

const pass =
  (signal: 'SIGUSR2' | 'SIGHUP') =>
  (state: State): Outcome =>
    to<State, IncumbencyEffect>(state, { do: 'pass', signal });
const rememberHup = <S extends { readonly hup: boolean }>(state: S): Step<S, never> => ignore({ ...state, hup: true });
const nonsense =
  (said: string) =>
  (state: { readonly hup: boolean }): Outcome =>
    revert(state, `the candidate said "${said}" out of turn`);
const failed = (state: { readonly hup: boolean }, event: { readonly reason: string }): Outcome => revert(state, event.reason);
const diedBefore =
  (what: string) =>
  (state: { readonly hup: boolean }): Outcome =>
    revert(state, `the candidate died before it ${what}`);
/** A HUP that came before it is overruled. */
const drainNow = <S extends { readonly hup: boolean }>(state: S): Step<S, IncumbencyEffect> =>
  to<S, IncumbencyEffect>({ ...state, hup: false }, { do: 'drainWorkers' });
const notServing = refuse('this master is not the one that serves');
const giveWord = (state: State): Outcome => to<State, IncumbencyEffect>(state, { do: 'giveWord' });
const leave = (): Outcome => to<State, IncumbencyEffect>({ is: 'left' }, { do: 'leave' });

/** After a roll-back or a return: the HUP that came meanwhile is ours. */
function resume(hup: boolean, ...effects: readonly IncumbencyEffect[]): Outcome {
  return hup
    ? to<State, IncumbencyEffect>({ is: 'reloading', hup: false, upgrade: false }, ...effects, { do: 'reload' })
    : to<State, IncumbencyEffect>({ is: 'serving' }, ...effects);
}

/** Events that only a master with a candidate, a successor or a reload can get. */
const quiet = {
  reloaded: ignore,
  hello: ignore,
  ready: ignore,
  serving: ignore,
  failed: ignore,
  gone: ignore,
  cleared: ignore,
  retireesReleased: ignore,
  release: ignore,
  restored: ignore,
  accepting: ignore,
  deadline: ignore,
  empty: ignore,
} as const;

function table(upgradeTimeout: number): Table<State, IncumbencyEvent, IncumbencyEffect> {
  const loading = {
    ...quiet,
    upgrade: busy,
    reload: rememberHup,
    drain: drainNow,
    stop: cancelAndStop,
    failed,
    serving: nonsense('serving'),
    release: nonsense('release'),
    deadline: (state: { readonly hup: boolean }) => revert(state, TOO_LATE),
  };
  return {
    serving: {
      ...quiet,
      upgrade: (_state, _event, now) => launch(false, now, upgradeTimeout),
      reload: () => to<State, IncumbencyEffect>({ is: 'reloading', hup: false, upgrade: false }, { do: 'reload' }),
      drain: (state) => to<State, IncumbencyEffect>(state, { do: 'drainWorkers' }),
      stop,
    },
    reloading: {
      ...quiet,
      upgrade: (state) => (state.upgrade ? busy(state) : to({ ...state, upgrade: true })),
      reload: rememberHup,
      drain: drainNow,
      stop,
      reloaded: (state, _event, now) => (state.upgrade ? launch(state.hup, now, upgradeTimeout) : resume(state.hup)),
    },
    launching: {
      ...loading,
      hello: (state) => to({ ...state, is: 'preparing' }),
      ready: nonsense('ready'),
      gone: diedBefore('said hello'),
    },
    preparing: {
      ...loading,
      hello: nonsense('hello'),
      ready: (state) => to<State, IncumbencyEffect>({ ...state, is: 'releasing' }, { do: 'releaseRetirees' }),
      gone: diedBefore('was ready'),
    },
    releasing: {
      ...loading,
      hello: nonsense('hello'),
      ready: nonsense('ready'),
      deadline: (state) => revert(state, UNRELEASED),
      retireesReleased: (state, _event, now) =>
        to<State, IncumbencyEffect>({ ...state, is: 'committing', deadline: now + COMMIT_LIMIT, stop: 'none' }, { do: 'commit' }),
      gone: diedBefore('was committed'),
    },
    committing: {
      ...quiet,
      upgrade: busy,
      reload: rememberHup,
      drain: drainNow,
      stop: (state, { quick }) =>
        to<State, IncumbencyEffect>({ ...state, stop: quick ? 'quick' : 'graceful' }, { do: 'pass', signal: quick ? 'SIGINT' : 'SIGTERM' }),
      hello: (state) => revertExposed(state, 'the candidate said "hello" out of turn'),
      ready: (state) => revertExposed(state, 'the candidate said "ready" out of turn'),
      release: (state) => revertExposed(state, 'the candidate said "release" out of turn'),
      serving: (state) =>
        state.hup
          ? to<State, IncumbencyEffect>({ is: 'retiring' }, { do: 'retire' }, { do: 'pass', signal: 'SIGHUP' })
          : to<State, IncumbencyEffect>({ is: 'retiring' }, { do: 'retire' }),
      failed: (state, { reason }) => revertExposed(state, reason),
      gone: (state) => revertExposed(state, 'the candidate died between commit and serving'),
      deadline: (state) => revertExposed(state, 'the candidate did not serve within 10 s of the commit'),
    },
    reverting: {
      ...quiet,
      upgrade: busy,
      reload: rememberHup,
      drain: drainNow,
      stop: (state, { quick }) => to<State, IncumbencyEffect>({ is: 'stopping', quick, reverting: state.reason }, { do: 'stop', quick }),
      // It was not known by pid when it was killed: now it is.
      hello: (state) => to<State, IncumbencyEffect>(state, { do: 'revert', exposed: false, reason: state.reason }),
      cleared: (state) => resume(state.hup, { do: 'rolledBack', reason: state.reason }),
    },
    retiring: {
      ...quiet,
      upgrade: pass('SIGUSR2'),
      reload: pass('SIGHUP'),
      drain: notServing,
      stop,
      release: () => to<State, IncumbencyEffect>({ is: 'released' }, { do: 'giveWord' }),
      gone: () => to<State, IncumbencyEffect>({ is: 'restoring', hup: false }, { do: 'restore' }),
      empty: leave,
    },
    released: {
      ...quiet,
      upgrade: pass('SIGUSR2'),
      reload: pass('SIGHUP'),
      drain: notServing,
      stop,
      release: giveWord,
      empty: leave,
    },
    restoring: {
      ...quiet,
      upgrade: refuse('the successor died a moment ago'),
      reload: rememberHup,
      drain: notServing,
      stop,
      restored: (state, { ours }) =>
        ours
          ? to<State, IncumbencyEffect>({ is: 'returning', hup: state.hup }, { do: 'comeBack' })
          : to<State, IncumbencyEffect>({ is: 'released' }, { do: 'giveWord' }),
    },
    returning: {
      ...quiet,
      upgrade: refuse('the workers of this master are starting again'),
      reload: rememberHup,
      drain: refuse('the workers of this master are starting again'),
      stop: (state, event) => {
        const stopped = stop(state, event);
        return { ...stopped, effects: [{ do: 'dropSuccessor' }, ...stopped.effects] };
      },
      accepting: (state) => resume(state.hup, { do: 'dropSuccessor' }),
    },
    stopping: {
      ...quiet,
      upgrade: refuse('the master is stopping'),
      reload: refuse('the master is stopping'),
      drain: ignore,
      restored: (state, { ours }) => (ours ? to<State, IncumbencyEffect>(state, { do: 'takeBack' }) : ignore(state)),
      stop: (state, { quick }) =>
        quick && !state.quick ? to<State, IncumbencyEffect>({ ...state, quick }, { do: 'stop', quick }) : ignore(state),
      hello: (state) => to<State, IncumbencyEffect>(state, { do: 'revert', exposed: false, reason: state.reverting ?? STOPPED }),
      cleared: (state) =>
        state.reverting === null
          ? ignore(state)
          : to<State, IncumbencyEffect>({ ...state, reverting: null }, { do: 'rolledBack', reason: state.reverting }),
      release: giveWord,
      empty: leave,
    },
    left: { ...quiet, upgrade: ignore, reload: ignore, drain: ignore, stop: ignore },
  };
}

/** The step function of a master whose upgrades have `upgradeTimeout` milliseconds from USR2 to *ready*. */
export function incumbencyOf(upgradeTimeout: number): (state: Incumbency, event: IncumbencyEvent, now: number) => Outcome {
  const cells = table(upgradeTimeout);
  return (state, event, now) => take(cells, state, event, now);
}
