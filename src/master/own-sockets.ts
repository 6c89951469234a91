/** A socket for each worker on one address (master, --reuse-port). */
import { allowBeside, bindBeside, isListening, type Listener, mayHaveBeside } from '../listeners/index.js';
import type { Log } from '../log/log.js';
import type { Layout } from './deal.js';

/** Over all addresses: each worker inherits them all, and HOLDFAST_FDS names them all. */
const MOST_SOCKETS = 1_024;

/** Elsewhere the last socket that listens gets everything. */
export function divides(reusePort: boolean, log: Log): boolean {
  if (reusePort && process.platform !== 'linux')
    log.warning(null, '--reuse-port is ignored: only Linux divides connections between sockets; the workers share one');
  return reusePort && process.platform === 'linux';
}

/** Of those that listen: whoever accepted on another one would make it listen. `divided`: where an address has several, each is somebody's own. */
export function layoutOf(all: readonly Listener[], divided: boolean): Layout {
  const served = all.filter(isListening);
  const own = divided ? served.filter(mayHaveBeside) : [];
  const position = (listener: Listener) => all.indexOf(listener);
  return {
    shared: served.filter((listener) => !own.includes(listener)).map(position),
    groups: [...byAddress(own).values()].map((those) => those.map(position)),
  };
}

/** The listeners of each address, in order. */
export function byAddress(listeners: readonly Listener[]): ReadonlyMap<string, readonly Listener[]> {
  const found = new Map<string, Listener[]>();
  for (const listener of listeners) found.set(listener.bound, [...(found.get(listener.bound) ?? []), listener]);
  return found;
}

/** So many workers can have sockets of their own. */
export function socketsEach(workers: number, addresses: number): number {
  return Math.max(1, Math.min(workers, Math.floor(MOST_SOCKETS / Math.max(1, addresses))));
}

/** What was bound just now, and beside each TCP listener what is missing. */
export function withOthers(bound: readonly Listener[], wanted: number, log: Log): readonly Listener[] {
  return bound.flatMap((listener) => {
    if (!isTcp(listener)) return [listener];
    allowBeside(listener);
    return [listener, ...missing([listener], wanted, log)];
  });
}

/** What the sockets of the generation before lack, address by address. One that was bound without the option cannot be added to yet. */
export function lacking(adopted: readonly Listener[], wanted: number, log: Log): readonly Listener[] {
  return [...byAddress(adopted.filter(isTcp)).values()].flatMap((those) => {
    if (those.every(mayHaveBeside)) return missing(those, wanted, log);
    log.info(null, `${those[0]?.bound} was bound without --reuse-port: the workers share its socket until the next upgrade`);
    return [];
  });
}

/** Without the option each worker accepts on whatever the generation before had. */
export function sayShared(adopted: readonly Listener[], log: Log): void {
  for (const [bound, those] of byAddress(adopted))
    if (those.length > 1) log.info(null, `${bound} has ${those.length} sockets of a generation with --reuse-port: all workers share them`);
}

/** Those whose address the settings name: descriptors of somebody else, and unix sockets, stay single. */
export function isTcp({ address }: Listener): boolean {
  return !/^(unix:|fd:)/.test(address);
}

/** It does without what cannot be had: somebody else's socket in between, or no descriptors left. */
function missing(those: readonly Listener[], wanted: number, log: Log): readonly Listener[] {
  const others: Listener[] = [];
  const [first] = those;
  try {
    while (first !== undefined && those.length + others.length < wanted) others.push(bindBeside(first));
  } catch (error) {
    const have = those.length + others.length;
    log.warning(null, `${error instanceof Error ? error.message : error}; the workers share ${have} socket${have === 1 ? '' : 's'} there`);
  }
  return others;
}
