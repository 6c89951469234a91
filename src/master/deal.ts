/** Which listeners are whose (master): with --reuse-port each slot has its own, and none is ever without a worker that accepts on it. Pure. */

/** Listeners by their positions. */
export interface Layout {
  /** Everybody accepts on these. */
  readonly shared: readonly number[];
  /** For each address its sockets: the first is slot 1's, the second slot 2's. */
  readonly groups: readonly (readonly number[])[];
}

/** For each slot its listeners; the first one is its own for as long as the layout stays. */
export type Deal = ReadonlyMap<number, readonly number[]>;

/**
 * Sockets without a worker are dealt out evenly, and those that remain are shared by all, so that everybody has the same number.
 * A slot without a socket helps everybody.
 * @param slots those that have a worker, each once
 */
export function deal({ shared, groups }: Layout, slots: readonly number[]): Deal {
  const sorted = [...slots].sort((a, b) => a - b);
  return new Map(
    sorted.map((slot) => {
      const shares = groups.map((group) => (slot > group.length ? helped(group, slot) : owned(group, slot, sorted)));
      const own = [...shared, ...shares.flatMap((share) => share.slice(0, 1))].sort((a, b) => a - b);
      return [slot, [...own, ...shares.flatMap((share) => share.slice(1))]];
    }),
  );
}

/** All of them, not the same one first for everybody. */
function helped(group: readonly number[], slot: number): readonly number[] {
  const first = (slot - 1) % group.length;
  return [...group.slice(first), ...group.slice(0, first)];
}

function owned(group: readonly number[], slot: number, slots: readonly number[]): readonly number[] {
  const owners = slots.filter((each) => each <= group.length);
  const vacant = group.filter((_, index) => !owners.includes(index + 1));
  const each = Math.floor(vacant.length / owners.length);
  const from = owners.indexOf(slot) * each;
  return [...group.slice(slot - 1, slot), ...vacant.slice(from, from + each), ...vacant.slice(owners.length * each)];
}
