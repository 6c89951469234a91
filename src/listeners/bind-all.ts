/** All addresses of a master, or none (master). */
import { closeSync } from 'node:fs';
import { HoldfastError } from '../errors.js';
import { type Address, formatAddress, overlap, parseLabel } from './address.js';
import { bindNow } from './bind.js';
import { closeListener } from './close.js';
import { codeOf, refusal } from './complaints.js';
import type { Listener } from './listener.js';
import type { Overlap } from './match.js';
import { bind, setV6Only, socket } from '../sys/libc.js';
import { encodeName, familyOf } from './socket-name.js';

export interface Bound {
  readonly listeners: readonly Listener[];
  readonly warnings: readonly string[];
}

/** For port 0 on several addresses: the port that the kernel gives for one may be taken on another. */
const ATTEMPTS = 10;
const LOOPBACK = { is: 'tcp6', host: '::1', port: 0 } as const;

/**
 * Binds in order; addresses of one setting with port 0 (`:0`, `localhost:0`) share a port. When one fails, those before are closed again.
 * On a machine without IPv6 the v6 addresses of `:PORT` and of names are left out, with a warning, if something else of the setting is bound.
 * @param overlaps what matchListeners found, so that a refusal can say so
 * @throws HoldfastError as bindListener does
 */
export async function bindAll(addresses: readonly Address[], overlaps: readonly Overlap[] = []): Promise<Bound> {
  const listeners: Listener[] = [];
  const warnings: string[] = [];
  try {
    for (const group of bySetting(addresses)) {
      const { usable, warning } = withoutMissingFamily(group);
      if (warning !== undefined) warnings.push(warning);
      listeners.push(...bindGroup(usable, overlaps, listeners));
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

function withoutMissingFamily(group: readonly Address[]): { readonly usable: readonly Address[]; readonly warning?: string } {
  const others = group.filter(({ is }) => is !== 'tcp6');
  if (others.length === group.length || others.length === 0 || hasIpv6()) return { usable: group };
  const left = group.filter(({ is }) => is === 'tcp6').map(formatAddress);
  return { usable: others, warning: `not bound: ${left.join(', ')}; this machine has no IPv6` };
}

/** Whether the loopback has its v6 address. A kernel without IPv6 has no such sockets, `disable_ipv6=1` takes the addresses away. */
function hasIpv6(): boolean {
  let fd: number | undefined;
  try {
    fd = socket(familyOf(LOOPBACK));
    setV6Only(fd);
    bind(fd, encodeName(LOOPBACK));
    return true;
  } catch (error) {
    return codeOf(error) !== 'EAFNOSUPPORT' && codeOf(error) !== 'EADDRNOTAVAIL';
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function bindGroup(group: readonly Address[], overlaps: readonly Overlap[], held: readonly Listener[]): readonly Listener[] {
  const chosen = group.length > 1 && group.every((address) => 'port' in address && address.port === 0);
  for (let attempt = 1; ; attempt += 1) {
    const listeners: Listener[] = [];
    try {
      for (const address of group) listeners.push(bindNow(address, chosen ? portOf(listeners[0]) : undefined));
      return listeners;
    } catch (error) {
      const failed = group[listeners.length];
      for (const listener of listeners) closeListener(listener);
      const inUse = error instanceof HoldfastError && codeOf(error.cause) === 'EADDRINUSE';
      if (inUse && chosen && listeners.length > 0 && attempt < ATTEMPTS) continue;
      throw inUse && failed !== undefined ? explained(error, failed, overlaps, held) : error;
    }
  }
}

function portOf(listener: Listener | undefined): number | undefined {
  const address = listener === undefined ? undefined : parseLabel(listener.bound);
  return address !== undefined && 'port' in address ? address.port : undefined;
}

/** Not a stranger but one of our own stands in the way. */
function explained(error: HoldfastError, failed: Address, overlaps: readonly Overlap[], held: readonly Listener[]): HoldfastError {
  const label = formatAddress(failed);
  const before = overlaps.find(({ wanted }) => formatAddress(wanted) === label)?.inherited.bound;
  if (before !== undefined) return refusal(label, `it overlaps ${before} of the running generation (stop it and start again to change this)`, error);
  const beside = held.find(({ bound }) => {
    const address = parseLabel(bound);
    return address !== undefined && overlap(failed, address);
  });
  return beside === undefined ? error : refusal(label, `it overlaps ${beside.bound}, which these settings bind too (drop one of the two)`, error);
}
