// Chance that can be repeated.

export interface Chance {
  /** From 0 (inclusive) to 1 (exclusive). */
  next(): number;
  below(limit: number): number;
  pick<T>(from: readonly T[]): T;
}

/** The minimal standard generator of Park and Miller. */
export function chance(seed: number): Chance {
  let state = (seed % 0x7ffffffe) + 1;
  const next = (): number => {
    state = (state * 48_271) % 0x7fffffff;
    return state / 0x7fffffff;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return { next, below, pick: <T>(from: readonly T[]) => from[below(from.length)] as T };
}
