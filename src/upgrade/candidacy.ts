/**
 * A master from its start until it is in charge or has left. What it may be, hear and do; candidacy-table.ts says what follows from what. Pure.
 *
 *   first -----------------> exposing -----------> incumbent
 *   loading -> ready -> exposing -> rotating -> incumbent
 *      |         |  by hand:  +-> beside -> rotating ...
 *      +-+-> failing                |  the incumbent died before commit:
 *      +-+------+-------------------+-> claiming -> alone -> exposing ...
 */
import type { Refusal } from './step.js';

export type Candidacy =
  /** The first generation: nobody was there before. */
  | { readonly is: 'first' }
  | { readonly is: 'loading'; readonly deadline: number }
  | { readonly is: 'ready'; readonly deadline: number }
  /** It cannot, has said so, and will be ended; unless its incumbent is dead, and was so perhaps before it could hear that. */
  | { readonly is: 'failing'; readonly deadline: number; readonly status: number; readonly reason: string }
  /** `stop`: an order to follow once in charge. */
  | { readonly is: 'exposing'; readonly to: Purpose; readonly stop: Stop }
  /** By hand: it serves beside the incumbent, until somebody decides. */
  | { readonly is: 'beside' }
  /** By hand: it was told to stop, and serves until the incumbent can do without it. */
  | { readonly is: 'withdrawing' }
  | { readonly is: 'rotating'; readonly stop: Stop }
  | { readonly is: 'claiming'; readonly loaded: boolean; readonly stop: Stop }
  | { readonly is: 'alone' }
  | { readonly is: 'incumbent' }
  | { readonly is: 'leaving' };

/**
 * What its workers accept for: to be in charge, as the first of all, in the place of a dead incumbent, by the leave of one that lives, or of one
 * that has died since; or beside the incumbent, by hand.
 */
export type Purpose = 'begin' | 'reign' | 'succeed' | 'outlive' | 'try';

export type Stop = 'none' | 'graceful' | 'quick';

export type CandidacyEvent =
  /** All workers are loaded and probed. */
  | { readonly event: 'loaded' }
  | { readonly event: 'loadFailed'; readonly status: number; readonly reason: string }
  /** By hand: accept beside the incumbent. */
  | { readonly event: 'show' }
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
  /** By hand: ends in `exposed` when one of the workers accepts, which most often is at once. */
  | { readonly do: 'assure' }
  | { readonly do: 'sayBeside' }
  /** Ask the incumbent to do without this candidate. */
  | { readonly do: 'withdraw' }
  | { readonly do: 'rotate' }
  | { readonly do: 'claim' }
  /** Start the workers that failed again, after a while. */
  | { readonly do: 'retry'; readonly reason: string }
  /** Have its workers load what is current now. */
  | { readonly do: 'renew' }
  /** A reload, as soon as it is in charge. */
  | { readonly do: 'reloadLater' }
  /** Be in charge: say *serving*, let a dead predecessor's lease go, follow the orders that waited. */
  | { readonly do: 'takeCharge'; readonly stop: Stop }
  | { readonly do: 'leave'; readonly status: number; readonly reason: string };
