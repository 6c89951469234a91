/** What repeated measurements say. Pure. */

/** The middle half of the values lies between `low` and `high`. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** @throws RangeError for no values at all */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('nothing was measured');
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75), count: values.length };
}

/** Between the two nearest values where it falls between them. */
function quantile(sorted: readonly number[], part: number): number {
  const at = (sorted.length - 1) * part;
  const [below = 0, above = below] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return below + (above - below) * (at - Math.floor(at));
}

/**
 * Of two that were measured in turns: each by what was measured beside it, so that what the machine did meanwhile falls out.
 * @throws RangeError unless there are as many of one as of the other
 */
export function ratioOf(values: readonly number[], base: readonly number[]): Spread {
  if (values.length !== base.length) throw new RangeError(`${values.length} measurements beside ${base.length}`);
  return spreadOf(values.map((value, turn) => value / (base[turn] ?? Number.NaN)));
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** What one more of x costs: between the first two points, and between the last two. Equal, where y is linear. */
export function slopes(points: readonly Point[]): { readonly first: number; readonly last: number } {
  return { first: slope(points.slice(0, 2)), last: slope(points.slice(-2)) };
}

function slope([from, to]: readonly Point[]): number {
  if (from === undefined || to === undefined) throw new RangeError('two points make a slope');
  return (to.y - from.y) / (to.x - from.x);
}
