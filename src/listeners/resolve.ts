/** From settings to addresses: names are looked up, paths made absolute (master). */
import { resolve } from 'node:path';
import { EXIT, HoldfastError } from '../errors.js';
import { type Address, formatAddress, tcpAddress } from './address.js';
import { checkPathLength } from './draft-name.js';
import { parseIp } from './ip.js';
import type { Bind } from './parse.js';

/**
 * In the settings' order, each address once; a name gives all that it has, in the resolver's order.
 * @param base the absolute directory that relative unix paths are resolved against
 * @throws HoldfastError: a name without an address (exit status 1), a path that is too long (2)
 */
export async function resolveBinds(binds: readonly Bind[], base: string): Promise<Address[]> {
  const found = await Promise.all(binds.map((bind) => resolveBind(bind, base)));
  const once = new Map<string, Address>();
  for (const address of found.flat()) {
    const label = formatAddress(address);
    if (!once.has(label)) once.set(label, address);
  }
  return [...once.values()];
}

async function resolveBind(bind: Bind, base: string): Promise<readonly Address[]> {
  if (bind.is === 'addresses') return bind.addresses;
  if (bind.is === 'name') return lookUp(bind.host, bind.port, bind.setting);
  const path = resolve(base, bind.path);
  checkPathLength(path, `unix:${path}`);
  return [{ is: 'unix', path, access: bind.access }];
}

async function lookUp(host: string, port: number, setting: string): Promise<readonly Address[]> {
  // Loaded here, for most settings name no host, and the resolver sets itself up at once.
  const { lookup } = await import('node:dns/promises');
  const found = await lookup(host, { all: true, verbatim: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new HoldfastError(`cannot bind ${setting}: ${reason(host, cause.code)}`, EXIT.failed, { cause });
  });
  const addresses = found.flatMap(({ address }) => {
    const bytes = parseIp(address);
    return bytes === undefined ? [] : [tcpAddress(bytes, port, setting)];
  });
  if (addresses.length === 0) throw new HoldfastError(`cannot bind ${setting}: ${reason(host, 'ENOTFOUND')}`);
  return addresses;
}

function reason(host: string, code = 'an unknown error'): string {
  return code === 'ENOTFOUND'
    ? `there is no host ${host} (/etc/hosts, DNS)`
    : `cannot look up ${host} (${code}); bind an IP address, or try again`;
}
