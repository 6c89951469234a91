/** When a worker that has reached a limit of its own may be replaced (master). Until then it serves on. Pure. */

/** A worker serves for at least this long, however soon it has reached its limit. Milliseconds. */
const LEAST_SERVICE = 1_000;
/** Of so many workers one may have its substitute booting at a time: a boot takes processor time from those who serve. */
const SHARE = 4;
/** For each wanted worker so many may drain before another one is recycled: with clients that stay, drains would pile up. */
const MOST_DRAINS = 2;

export interface Spent {
  /** Milliseconds from its start to *ready*, and since it accepts. */
  readonly bootTook: number;
  readonly acceptingFor: number;
}

export interface Around {
  readonly wanted: number;
  /** Substitutes that do not accept yet. */
  readonly booting: number;
  readonly draining: number;
}

/** What stands against it for now: it has only begun, too many before it drain, or others have their turn. */
export type Restraint = 'young' | 'drains' | 'turn';

/** Undefined: it may be replaced at once. */
export function restraint({ bootTook, acceptingFor }: Spent, { wanted, booting, draining }: Around): Restraint | undefined {
  // Half of a slot's time is the most that goes into booting.
  if (acceptingFor < Math.max(LEAST_SERVICE, bootTook)) return 'young';
  if (draining >= MOST_DRAINS * wanted) return 'drains';
  return booting >= Math.ceil(wanted / SHARE) ? 'turn' : undefined;
}

/** What the log says of it; a turn is the ordinary course of things. */
export const RESTRAINED: Readonly<Record<Restraint, string | undefined>> = {
  young: 'it serves on for a moment, or workers would do little but boot (raise the limit if this goes on)',
  drains: 'it serves on, for many before it still drain',
  turn: undefined,
};
