/** The listeners of the generation before and the addresses of these settings, side by side. Pure. */
import { type Address, formatAddress, overlap, parseLabel } from './address.js';
import type { Listener } from './listener.js';

/** A wanted address that cannot be bound for as long as an inherited one is held. */
export interface Overlap {
  readonly wanted: Address;
  readonly inherited: Listener;
}

export interface Match {
  /** In the order of the inherited ones, each the very object that was given. */
  readonly adopt: readonly Listener[];
  readonly bind: readonly Address[];
  readonly drop: readonly Listener[];
  readonly overlaps: readonly Overlap[];
}

/**
 * An address with several sockets is adopted with all of them. An inherited port 0 is adopted under the port that it was given, too.
 * A unix socket whose file is gone is dropped and its address bound anew: nobody could reach it.
 */
export function matchListeners(inherited: readonly Listener[], wanted: readonly Address[]): Match {
  const labels = wanted.map(formatAddress);
  const taken = new Map(inherited.flatMap((listener) => pairs(listener, labels)));
  const served = new Set(taken.values());
  const bind = wanted.filter((_, position) => !served.has(labels[position] ?? ''));
  return {
    adopt: inherited.filter((listener) => taken.has(listener)),
    bind,
    drop: inherited.filter((listener) => !taken.has(listener)),
    overlaps: bind.flatMap((address) => overlapsOf(address, inherited)),
  };
}

/** The wanted label that this listener serves, if any: what was asked for before goes before what came of it. */
function pairs(listener: Listener, labels: readonly string[]): readonly (readonly [Listener, string])[] {
  if (listener.address.startsWith('unix:/') && listener.socketFile === undefined) return [];
  const label = [listener.address, listener.bound].find((candidate) => labels.includes(candidate));
  return label === undefined ? [] : [[listener, label]];
}

function overlapsOf(wanted: Address, inherited: readonly Listener[]): readonly Overlap[] {
  const overlapping = inherited.filter(({ bound }) => {
    const address = parseLabel(bound);
    return address !== undefined && overlap(wanted, address);
  });
  return overlapping.map((listener) => ({ wanted, inherited: listener }));
}
