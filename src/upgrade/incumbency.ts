/**
 * A master from the moment when it is in charge to its exit: incumbent, then retiree. What it may be, hear and do; incumbency-table.ts
 * says what follows from what. Pure.
 *
 *   serving -> launching -> preparing ------------------------> releasing -> committing -> retiring -> released -> left
 *      ^           |            |  --upgrade manual:              |  ^            |           |
 *      |           |            +----> showing -> deciding -------|--+            |           |
 *      |           |            |         |           |           |               |           |
 *      +-- reverting <----------+-----------------------(unseen)--+               |           +-> restoring -> returning -> serving
 *              ^----- recovering <--------+-----------+--(exposed)----------------+
 */
import type { Refusal } from './step.js';

interface Underway {
  /** Monotonic milliseconds. */
  readonly deadline: number;
  /** A HUP waits for the verdict. */
  readonly hup: boolean;
}

/** `beside`: an upgrade by hand, whose candidate serves beside us already. */
interface Decided {
  readonly beside: boolean;
}

/**
 * How a candidate that failed is ended: `kill` all of it, for it serves nobody; `behead` its master, so that its workers drain;
 * `dismiss` it, for it asked to leave.
 */
export type End = 'kill' | 'behead' | 'dismiss';

export type Incumbency =
  | { readonly is: 'serving' }
  | { readonly is: 'reloading'; readonly hup: boolean; readonly upgrade: boolean }
  | ({ readonly is: 'launching' } & Underway)
  | ({ readonly is: 'preparing' } & Underway)
  /** By hand: the candidate's workers begin to accept. `commit`: the decision came before that. */
  | ({ readonly is: 'showing'; readonly commit: boolean } & Underway)
  /** By hand: both generations serve, for as long as the operator likes. */
  | { readonly is: 'deciding'; readonly hup: boolean }
  /** `withdrawn`: the candidate that serves beside us was told to stop, too, which is its own affair once it is committed. */
  | ({ readonly is: 'releasing'; readonly withdrawn: boolean } & Underway & Decided)
  /** `stop`: an order that was passed to the candidate, and is ours again if it does not live to follow it. */
  | ({ readonly is: 'committing'; readonly stop: Stop } & Underway & Decided)
  /** The candidate's workers may serve somebody: before they drain, ours accept, even where a WINCH had drained them. */
  | { readonly is: 'recovering'; readonly reason: string; readonly hup: boolean; readonly end: End }
  | { readonly is: 'reverting'; readonly reason: string; readonly hup: boolean }
  /** `stop`: as above. The successor serves, and may not have read it. */
  | { readonly is: 'retiring'; readonly stop: Stop }
  | { readonly is: 'released' }
  | { readonly is: 'restoring'; readonly hup: boolean }
  | { readonly is: 'returning'; readonly hup: boolean }
  /** `reverting`: why a candidate is being ended at the same time. */
  | { readonly is: 'stopping'; readonly quick: boolean; readonly reverting: string | null }
  | { readonly is: 'left' };

export type Stop = 'none' | 'graceful' | 'quick';

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
  /** By hand: the candidate's workers accept. */
  | { readonly event: 'beside' }
  /** By hand: the candidate was told to stop, and waits until it can be done without. */
  | { readonly event: 'withdraw' }
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
  /** Nobody waits any more on a listener that nobody goes on with. */
  | { readonly event: 'emptied' }
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
  /** Workers of the release that is current now, if one of those that are brought back does not boot. */
  | { readonly do: 'renewFailing' }
  /** Workers of the release that this generation runs, if they were drained or lack a socket; ends in `accepting` either way. */
  | { readonly do: 'bringBack' }
  | { readonly do: 'launch' }
  /** By hand: the candidate's workers may accept. */
  | { readonly do: 'show' }
  /** By hand: it serves beside us; say how to decide. */
  | { readonly do: 'askOperator' }
  | { readonly do: 'releaseRetirees' }
  | { readonly do: 'commit' }
  /** A candidate that failed after it was exposed: its master ends now, and everything names us; or ends in `restored`, for we are too late. */
  | { readonly do: 'depose' }
  /** End the candidate; in `cleared` when nothing of it is left. */
  | { readonly do: 'revert'; readonly end: End }
  | { readonly do: 'rolledBack'; readonly reason: string }
  | { readonly do: 'pass'; readonly signal: 'SIGUSR2' | 'SIGHUP' | 'SIGTERM' | 'SIGINT' }
  /** Be a retiree. What nobody goes on with is served until it is empty: ends in `emptied`. */
  | { readonly do: 'retire' }
  /** Give that up, and drain. */
  | { readonly do: 'dropAndDrain' }
  | { readonly do: 'giveWord' }
  | { readonly do: 'restore' }
  | { readonly do: 'comeBack' }
  /** What was given up for the candidate or successor is ours again, and so is what it had given back: our next workers get it. */
  | { readonly do: 'regain' }
  /** The workers accept: what they got in its place is to be found from now on. */
  | { readonly do: 'reclaim' }
  /** Let go of a dead successor's workers: ours accept. */
  | { readonly do: 'dropSuccessor' }
  /** We are in charge again only to stop: what is ours alone is to be tidied up by us. */
  | { readonly do: 'takeBack' }
  /** Whoever waits is served first, unless it is quick: ends in `emptied`. */
  | { readonly do: 'stop'; readonly quick: boolean }
  /** Listen no more, and drain. */
  | { readonly do: 'closeAndDrain' }
  | { readonly do: 'leave' };
