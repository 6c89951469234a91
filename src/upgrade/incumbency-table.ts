/** What follows for a master that is, or was, in charge: the table of incumbency.ts. Pure. */
import type { End, Incumbency, IncumbencyEffect, IncumbencyEvent, Stop } from './incumbency.js';
import { COMMIT_LIMIT } from './limits.js';
import { ignore, refuse, type Step, type Table, take, to } from './step.js';

export interface UpgradeRules {
  /** Milliseconds from USR2 to *ready*. */
  readonly timeout: number;
  /** `--upgrade manual`: the operator commits, or backs out. */
  readonly manual: boolean;
}

type State = Incumbency;
type In<S extends State['is']> = Extract<State, { readonly is: S }>;
type Outcome = Step<State, IncumbencyEffect>;
type Failure = { readonly reason: string };

const STOPPED = 'the master was told to stop';
const WITHDRAWN = 'the candidate was told to stop';
const TOO_LATE = 'the candidate was not ready within --upgrade-timeout';
const UNRELEASED = 'the generation before did not answer within --upgrade-timeout (is it stopped?)';
const UNSHOWN = 'the workers of the candidate did not accept within 10 s';
const UNSERVED = 'the candidate did not serve within 10 s of the commit';
const busy = refuse('an upgrade is under way');
const undecided = refuse('an upgrade waits for its decision: TERM to this master commits it, TERM to the new one backs out');
const stopping = refuse('the master is stopping');
const starting = refuse('the workers of this master are starting again');
const notServing = refuse('this master is not the one that serves');

function step(state: State, ...effects: readonly IncumbencyEffect[]): Outcome {
  return to<State, IncumbencyEffect>(state, ...effects);
}

function launch(hup: boolean, now: number, { timeout }: UpgradeRules): Outcome {
  return step({ is: 'launching', deadline: now + timeout, hup }, { do: 'launch' });
}

/** The candidate failed, and serves nobody yet. */
function revert({ hup }: { readonly hup: boolean }, reason: string): Outcome {
  return step({ is: 'reverting', reason, hup }, { do: 'revert', end: 'kill' });
}

/** The candidate failed, and may serve somebody already. */
function recover({ hup }: { readonly hup: boolean }, reason: string): Outcome {
  return step({ is: 'recovering', reason, hup, end: 'behead' }, { do: 'depose' }, { do: 'regain' }, { do: 'bringBack' });
}

/** By hand: the candidate asked to leave, and does when ours accept. */
function letGo({ hup }: { readonly hup: boolean }, ...effects: readonly IncumbencyEffect[]): Outcome {
  return step({ is: 'recovering', reason: WITHDRAWN, hup, end: 'dismiss' }, ...effects, { do: 'regain' }, { do: 'bringBack' });
}

const failIn = {
  launching: revert,
  preparing: revert,
  showing: recover,
  deciding: recover,
  releasing: (state: In<'releasing'>, reason: string) => (state.beside ? recover : revert)(state, reason),
  committing: (state: In<'committing'>, reason: string) => {
    if (state.stop === 'none') return recover(state, reason);
    const quick = state.stop === 'quick';
    return step({ is: 'stopping', quick, reverting: reason }, { do: 'depose' }, { do: 'revert', end: 'behead' }, { do: 'stop', quick });
  },
} as const;

type Upgrading = keyof typeof failIn;

/** What a candidate may do wrong at any time. */
function wrongs<S extends Upgrading>(is: S, before: string) {
  const fail = failIn[is] as (state: In<S>, reason: string) => Outcome;
  const nonsense = (said: string) => (state: In<S>) => fail(state, `the candidate said "${said}" out of turn`);
  return {
    failed: (state: In<S>, { reason }: Failure) => fail(state, reason),
    gone: (state: In<S>) => fail(state, `the candidate died ${before}`),
    hello: nonsense('hello'),
    ready: nonsense('ready'),
    beside: nonsense('beside'),
    withdraw: nonsense('withdraw'),
    serving: nonsense('serving'),
    release: nonsense('release'),
  } as const;
}

const stop = (_state: State, { quick }: { readonly quick: boolean }): Outcome =>
  step({ is: 'stopping', quick, reverting: null }, { do: 'stop', quick });

/** The order of TERM before commit: cancel the upgrade, then stop. */
const cancelAndStop = (_state: State, { quick }: { readonly quick: boolean }): Outcome =>
  step({ is: 'stopping', quick, reverting: STOPPED }, { do: 'revert', end: 'kill' }, { do: 'stop', quick });

const pass =
  (signal: 'SIGUSR2' | 'SIGHUP') =>
  (state: State): Outcome =>
    step(state, { do: 'pass', signal });
const rememberHup = <S extends { readonly hup: boolean }>(state: S): Step<S, never> => ignore({ ...state, hup: true });
/** It is followed when the workers are back. Should their release not boot any more, another one is the only way to that. */
const hastenHup = <S extends { readonly hup: boolean }>(state: S): Step<S, IncumbencyEffect> =>
  to<S, IncumbencyEffect>({ ...state, hup: true }, { do: 'renewFailing' });
/** A HUP that came before it is overruled. */
const drainNow = <S extends { readonly hup: boolean }>(state: S): Step<S, IncumbencyEffect> =>
  to<S, IncumbencyEffect>({ ...state, hup: false }, { do: 'drainWorkers' });
const giveWord = (state: State): Outcome => step(state, { do: 'giveWord' });
const dropAndDrain = (state: State): Outcome => step(state, { do: 'dropAndDrain' });
/** Somebody else came after a dead successor. Whatever an emptied queue would have led to, this leads to now. */
const succeeded = (): Outcome => step({ is: 'released' }, { do: 'giveWord' }, { do: 'dropAndDrain' });
const leave = (): Outcome => step({ is: 'left' }, { do: 'leave' });
const release = (hup: boolean, now: number, { timeout }: UpgradeRules, beside: boolean): Outcome =>
  step({ is: 'releasing', deadline: now + timeout, hup, beside, withdrawn: false }, { do: 'releaseRetirees' });
const orderOf = (quick: boolean): Stop => (quick ? 'quick' : 'graceful');
const end = (state: { readonly reason: string; readonly hup: boolean }, how: End): Outcome =>
  step({ is: 'reverting', reason: state.reason, hup: state.hup }, { do: 'reclaim' }, { do: 'revert', end: how });

/** After a roll-back or a return: the HUP that came meanwhile is ours. */
function resume(hup: boolean, ...effects: readonly IncumbencyEffect[]): Outcome {
  return hup ? step({ is: 'reloading', hup: false, upgrade: false }, ...effects, { do: 'reload' }) : step({ is: 'serving' }, ...effects);
}

/** Events that only a master with a candidate, a successor or a reload can get. */
const quiet = {
  reloaded: ignore,
  hello: ignore,
  ready: ignore,
  beside: ignore,
  withdraw: ignore,
  serving: ignore,
  failed: ignore,
  gone: ignore,
  cleared: ignore,
  retireesReleased: ignore,
  release: ignore,
  emptied: ignore,
  restored: ignore,
  accepting: ignore,
  deadline: ignore,
  empty: ignore,
} as const;

const upgrading = { ...quiet, upgrade: busy, reload: rememberHup, drain: drainNow } as const;

function table(rules: UpgradeRules): Table<State, IncumbencyEvent, IncumbencyEffect> {
  const launching = wrongs('launching', 'before it said hello');
  const preparing = wrongs('preparing', 'before it was ready');
  const showing = wrongs('showing', 'before its workers accepted');
  const deciding = wrongs('deciding', 'while it served beside this master');
  const releasing = wrongs('releasing', 'before it was committed');
  const committing = wrongs('committing', 'between commit and serving');
  return {
    serving: {
      ...quiet,
      upgrade: (_state, _event, now) => launch(false, now, rules),
      reload: () => step({ is: 'reloading', hup: false, upgrade: false }, { do: 'reload' }),
      drain: (state) => step(state, { do: 'drainWorkers' }),
      stop,
    },
    reloading: {
      ...quiet,
      upgrade: (state) => (state.upgrade ? busy(state) : to({ ...state, upgrade: true })),
      reload: rememberHup,
      drain: drainNow,
      stop,
      reloaded: (state, _event, now) => (state.upgrade ? launch(state.hup, now, rules) : resume(state.hup)),
    },
    launching: {
      ...upgrading,
      ...launching,
      stop: cancelAndStop,
      hello: (state) => to({ ...state, is: 'preparing' }),
      deadline: (state) => revert(state, TOO_LATE),
    },
    preparing: {
      ...upgrading,
      ...preparing,
      stop: cancelAndStop,
      ready: (state, _event, now) =>
        rules.manual
          ? step({ is: 'showing', deadline: now + COMMIT_LIMIT, hup: state.hup, commit: false }, { do: 'show' })
          : step({ ...state, is: 'releasing', beside: false, withdrawn: false }, { do: 'releaseRetirees' }),
      deadline: (state) => revert(state, TOO_LATE),
    },
    showing: {
      ...upgrading,
      ...showing,
      stop: (state) => to({ ...state, commit: true }),
      beside: ({ hup, commit }, _event, now) =>
        commit ? release(hup, now, rules, true) : step({ is: 'deciding', hup }, { do: 'askOperator' }),
      withdraw: (state) => letGo(state),
      deadline: (state) => recover(state, UNSHOWN),
    },
    deciding: {
      ...upgrading,
      ...deciding,
      upgrade: undecided,
      // Not a reload: `current` may lead to the new release, and this is a way back from it.
      reload: (state) => step(state, { do: 'bringBack' }),
      stop: ({ hup }, _event, now) => release(hup, now, rules, true),
      withdraw: (state) => letGo(state),
    },
    releasing: {
      ...upgrading,
      ...releasing,
      // By hand the order was that already, and so is the second.
      stop: (state, event) => (state.beside ? ignore(state) : cancelAndStop(state, event)),
      // It will be committed, and will stop then.
      withdraw: (state) => (state.beside ? ignore({ ...state, withdrawn: true }) : releasing.withdraw(state)),
      retireesReleased: ({ hup, beside }, _event, now) =>
        step({ is: 'committing', deadline: now + COMMIT_LIMIT, hup, beside, stop: 'none' }, { do: 'commit' }),
      deadline: (state) => {
        if (!state.beside) return revert(state, UNRELEASED);
        const unreleased = { do: 'refuse', why: UNRELEASED } as const;
        return state.withdrawn ? letGo(state, unreleased) : step({ is: 'deciding', hup: state.hup }, unreleased);
      },
    },
    committing: {
      ...upgrading,
      ...committing,
      stop: (state, { quick }) =>
        state.beside ? ignore(state) : step({ ...state, stop: orderOf(quick) }, { do: 'pass', signal: quick ? 'SIGINT' : 'SIGTERM' }),
      withdraw: (state) => (state.beside ? ignore(state) : committing.withdraw(state)),
      serving: ({ hup, stop }) =>
        step({ is: 'retiring', stop }, { do: 'retire' }, ...(hup ? [{ do: 'pass', signal: 'SIGHUP' } as const] : [])),
      deadline: (state) => failIn.committing(state, UNSERVED),
    },
    recovering: {
      ...upgrading,
      reload: hastenHup,
      drain: starting,
      stop: (state, { quick }) =>
        step({ is: 'stopping', quick, reverting: state.reason }, { do: 'revert', end: state.end }, { do: 'stop', quick }),
      failed: (state) => step({ ...state, end: 'behead' }, { do: 'depose' }),
      restored: (state, { ours }) => (ours ? ignore(state) : succeeded()),
      gone: (state) => step({ ...state, end: 'behead' }, { do: 'depose' }),
      accepting: (state) => end(state, state.end),
    },
    reverting: {
      ...upgrading,
      stop: ({ reason }, { quick }) => step({ is: 'stopping', quick, reverting: reason }, { do: 'stop', quick }),
      // It was not known by pid when it was killed: now it is.
      hello: (state) => step(state, { do: 'revert', end: 'kill' }),
      cleared: ({ hup, reason }) => resume(hup, { do: 'rolledBack', reason }),
    },
    retiring: {
      ...quiet,
      upgrade: pass('SIGUSR2'),
      reload: pass('SIGHUP'),
      drain: notServing,
      stop,
      release: () => step({ is: 'released' }, { do: 'giveWord' }),
      emptied: dropAndDrain,
      gone: ({ stop }) => {
        if (stop === 'none') return step({ is: 'restoring', hup: false }, { do: 'restore' });
        const quick = stop === 'quick';
        return step({ is: 'stopping', quick, reverting: null }, { do: 'restore' }, { do: 'stop', quick });
      },
      empty: leave,
    },
    released: {
      ...quiet,
      upgrade: pass('SIGUSR2'),
      reload: pass('SIGHUP'),
      drain: notServing,
      stop,
      release: giveWord,
      emptied: dropAndDrain,
      empty: leave,
    },
    restoring: {
      ...quiet,
      upgrade: refuse('the successor died a moment ago'),
      reload: rememberHup,
      drain: notServing,
      stop,
      restored: (state, { ours }) =>
        ours ? step({ is: 'returning', hup: state.hup }, { do: 'comeBack' }, { do: 'regain' }, { do: 'bringBack' }) : succeeded(),
    },
    returning: {
      ...quiet,
      upgrade: starting,
      reload: hastenHup,
      drain: starting,
      stop: (_state, { quick }) => step({ is: 'stopping', quick, reverting: null }, { do: 'dropSuccessor' }, { do: 'stop', quick }),
      accepting: (state) => resume(state.hup, { do: 'reclaim' }, { do: 'dropSuccessor' }),
    },
    stopping: {
      ...quiet,
      upgrade: stopping,
      reload: stopping,
      drain: ignore,
      restored: (state, { ours }) => (ours ? step(state, { do: 'takeBack' }) : ignore(state)),
      stop: (state, { quick }) => (quick && !state.quick ? step({ ...state, quick }, { do: 'stop', quick }) : ignore(state)),
      emptied: (state) => (state.quick ? ignore(state) : step(state, { do: 'closeAndDrain' })),
      hello: (state) => step(state, { do: 'revert', end: 'kill' }),
      cleared: (state) =>
        state.reverting === null ? ignore(state) : step({ ...state, reverting: null }, { do: 'rolledBack', reason: state.reverting }),
      release: giveWord,
      empty: leave,
    },
    left: { ...quiet, upgrade: ignore, reload: ignore, drain: ignore, stop: ignore },
  };
}

/** The step function of a master that follows these rules. */
export function incumbencyOf(rules: UpgradeRules): (state: Incumbency, event: IncumbencyEvent, now: number) => Outcome {
  const cells = table(rules);
  return (state, event, now) => take(cells, state, event, now);
}
