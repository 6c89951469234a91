/** All addresses of a master, or none (master). */
import { HoldfastError } from '../errors.js';
import { type Address, formatAddress, overlap, parseLabel } from './address.js';
import { bindNow } from './bind.js';
import { closeListener } from './close.js';
import { codeOf, refusal } from './complaints.js';
import type { Listener } from './listener.js';
import type { Overlap } from './match.js';

export interface Bound {
  readonly listeners: readonly Listener[];
  readonly warnings: readonly string[];
}

type Explain = (error: HoldfastError, address: Address) => HoldfastError;

/** For port 0 on several addresses: the port that the kernel gives for one may be taken on another. */
const ATTEMPTS = 10;
const ABSENT: readonly (string | undefined)[] = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'];
const LOOPBACK = { is: 'tcp6', host: '::1', port: 0 } as const;

/**
 * Binds in order; addresses of one setting with port 0 (`:0`, `localhost:0`) share a port. When one fails, those before are closed again.
 * On a machine without IPv6 the v6 addresses of `:PORT` and of names are left out, with a warning, where the setting has a v4 one too.
 * @param overlaps what matchListeners found, so that a refusal can say so
 * @throws HoldfastError as bindListener does
 */
export async function bindAll(addresses: readonly Address[], overlaps: readonly Overlap[] = []): Promise<Bound> {
  const listeners: Listener[] = [];
  const warnings: string[] = [];
  try {
    for (const group of bySetting(addresses)) {
      const bound = bindGroup(group, (error, address) => explained(error, address, overlaps, listeners));
      listeners.push(...bound.listeners);
      warnings.push(...bound.warnings);
    }
    return { listeners, warnings };
  } catch (error) {
    for (const listener of listeners) closeListener(listener);
    throw error;
  }
}

function bySetting(addresses: readonly Address[]): readonly (readonly Address[])[] {
  const groups = new Map<unknown, Address[]>();
  for (const address of addresses) {
    const key = 'setting' in address ? address.setting : address;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [address]);
    else group.push(address);
  }
  return [...groups.values()];
}

function bindGroup(group: readonly Address[], explain: Explain): Bound {
  const shared = group.length > 1 && group.every((address) => 'port' in address && address.port === 0);
  for (let attempt = 1; ; attempt += 1) {
    const listeners: Listener[] = [];
    try {
      return { listeners, warnings: bindInto(listeners, group, shared, explain) };
    } catch (error) {
      for (const listener of listeners) closeListener(listener);
      if (!shared || listeners.length === 0 || attempt === ATTEMPTS || causeOf(error) !== 'EADDRINUSE') throw error;
    }
  }
}

/** Fills `listeners`, so that they are known when one fails. */
function bindInto(listeners: Listener[], group: readonly Address[], shared: boolean, explain: Explain): readonly string[] {
  return group.flatMap((address) => {
    const listener = bindUnlessSpare(address, group, shared ? portOf(listeners[0]) : undefined, explain);
    if (listener === undefined) return [`not bound: ${formatAddress(address)}; this machine has no IPv6`];
    listeners.push(listener);
    return [];
  });
}

/** Undefined where it can be done without. */
function bindUnlessSpare(address: Address, group: readonly Address[], port: number | undefined, explain: Explain): Listener | undefined {
  try {
    return bindNow(address, port);
  } catch (error) {
    if (isSpare(address, group) && lacksIpv6(error)) return undefined;
    throw error instanceof HoldfastError && causeOf(error) === 'EADDRINUSE' ? explain(error, address) : error;
  }
}

/** A v6 address of a setting that has a v4 one too. */
function isSpare(address: Address, group: readonly Address[]): boolean {
  return address.is === 'tcp6' && group.some(({ is }) => is === 'tcp4');
}

/** A kernel without IPv6 has no such sockets; where it is switched off, not even the loopback has its address. */
function lacksIpv6(error: unknown): boolean {
  return ABSENT.includes(causeOf(error)) && ABSENT.includes(attemptLoopback());
}

function attemptLoopback(): string | undefined {
  try {
    closeListener(bindNow(LOOPBACK));
    return undefined;
  } catch (error) {
    return causeOf(error);
  }
}

function causeOf(error: unknown): string | undefined {
  return error instanceof HoldfastError ? codeOf(error.cause) : undefined;
}

function portOf(listener: Listener | undefined): number | undefined {
  const address = listener === undefined ? undefined : parseLabel(listener.bound);
  return address !== undefined && 'port' in address ? address.port : undefined;
}

/** Not a stranger but one of our own stands in the way. */
function explained(error: HoldfastError, failed: Address, overlaps: readonly Overlap[], held: readonly Listener[]): HoldfastError {
  const label = formatAddress(failed);
  const before = overlaps.find(({ wanted }) => formatAddress(wanted) === label)?.inherited.bound;
  if (before !== undefined)
    return refusal(label, `it overlaps ${before} of the running generation (stop it and start again to change this)`, error);
  const beside = held.find(({ bound }) => {
    const address = parseLabel(bound);
    return address !== undefined && overlap(failed, address);
  });
  return beside === undefined
    ? error
    : refusal(label, `it overlaps ${beside.bound}, which these settings bind too (drop one of the two)`, error);
}
