/** Addresses as bind(2) takes and getsockname(2) gives them: ip(7), ipv6(7), unix(7). */
import { C } from '../sys/sockets.js';
import { type AbstractAddress, type TcpAddress, tcpAddress, type UnixAddress } from './address.js';
import { parseIp } from './ip.js';

export type Bindable = TcpAddress | UnixAddress | AbstractAddress;

const FAMILY = { tcp4: C.AF_INET, tcp6: C.AF_INET6, unix: C.AF_UNIX, abstract: C.AF_UNIX } as const;
const PATH_AT = 2;
const V4_LENGTH = 16;
const V6_LENGTH = 28;
const V6_HOST_AT = 8;

/** AF_INET, AF_INET6 or AF_UNIX. */
export function familyOf(address: Bindable): number {
  return FAMILY[address.is];
}

export function encodeName(address: Bindable): Uint8Array {
  const family = familyOf(address);
  if (address.is === 'abstract') return withFamily(family, Buffer.from(`\0\0\0${address.name}`));
  if (address.is === 'unix') return withFamily(family, Buffer.from(`\0\0${address.path}\0`));
  const name = Buffer.alloc(address.is === 'tcp4' ? V4_LENGTH : V6_LENGTH);
  name.writeUInt16BE(address.port, 2);
  name.set(parseIp(address.host) ?? [], address.is === 'tcp4' ? 4 : V6_HOST_AT);
  return withFamily(family, name);
}

/** Undefined for a socket without an address, and for a family that is none of ours. An unbound TCP socket has port 0. */
export function decodeName(name: Buffer): Bindable | undefined {
  const family = familyIn(name);
  if (family === C.AF_INET && name.length >= 8) return tcpAddress([...name.subarray(4, 8)], name.readUInt16BE(2));
  if (family === C.AF_INET6 && name.length >= 24) return tcpAddress([...name.subarray(V6_HOST_AT, 24)], name.readUInt16BE(2));
  if (family !== C.AF_UNIX || name.length <= PATH_AT) return undefined;
  // Of an abstract name every byte counts, a path ends at its first NUL.
  if (name[PATH_AT] === 0) return name.length > PATH_AT + 1 ? { is: 'abstract', name: name.toString('utf8', PATH_AT + 1) } : undefined;
  const end = name.indexOf(0, PATH_AT);
  return { is: 'unix', path: name.toString('utf8', PATH_AT, end < 0 ? name.length : end) };
}

/** BSD has a byte for the length and one for the family where Linux has a short in the machine's order. */
function withFamily(family: number, name: Buffer): Uint8Array {
  name.set(process.platform === 'darwin' ? [name.length, family] : new Uint8Array(new Uint16Array([family]).buffer));
  return name;
}

function familyIn(name: Buffer): number {
  if (name.length < PATH_AT) return 0;
  return process.platform === 'darwin' ? (name[1] ?? 0) : (new Uint16Array(new Uint8Array(name.subarray(0, PATH_AT)).buffer)[0] ?? 0);
}
