/** What a socket can be bound to, and its one canonical label. Pure. */
import { formatIp, parseIp, unmapped } from './ip.js';

/** `host` is canonical. `setting` is the text that several addresses come from: those of port 0 share the port that they are given. */
interface Tcp<Family extends string> {
  readonly is: Family;
  readonly host: string;
  readonly port: number;
  readonly setting?: string;
}

/** Of a unix socket's file. The mode is its permission bits; users and groups are names or numbers. */
export interface Access {
  readonly mode?: number;
  readonly user?: string;
  readonly group?: string;
}

export type TcpAddress = Tcp<'tcp4'> | Tcp<'tcp6'>;
export interface UnixAddress {
  readonly is: 'unix';
  /** Absolute. */
  readonly path: string;
  readonly access?: Access;
}
export interface AbstractAddress {
  readonly is: 'abstract';
  readonly name: string;
}
/** Whatever the socket of a descriptor that somebody else opened is bound to. */
export interface DescriptorAddress {
  readonly is: 'fd';
  readonly fd: number;
}
export type Address = TcpAddress | UnixAddress | AbstractAddress | DescriptorAddress;

export const MAX_PORT = 65_535;

/** `127.0.0.1:8000`, `[::1]:8000`, `unix:/run/shop.sock`, `unix:@name`, `fd://3`. */
export function formatAddress(address: Address): string {
  switch (address.is) {
    case 'tcp4':
      return `${address.host}:${address.port}`;
    case 'tcp6':
      return `[${address.host}]:${address.port}`;
    case 'unix':
      return `unix:${address.path}`;
    case 'abstract':
      return `unix:@${address.name}`;
    case 'fd':
      return `fd://${address.fd}`;
  }
}

/** The address that a label stands for, or undefined where it is none: the inverse of formatAddress. */
export function parseLabel(label: string): Address | undefined {
  if (label.startsWith('unix:@')) return label.length > 6 ? { is: 'abstract', name: label.slice(6) } : undefined;
  if (label.startsWith('unix:/')) return label.includes('\0') ? undefined : { is: 'unix', path: label.slice(5) };
  const fd = /^fd:\/\/(\d{1,9})$/.exec(label)?.[1];
  if (fd !== undefined) return { is: 'fd', fd: Number(fd) };
  const [, v6, v4, port] = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(label) ?? [];
  const bytes = parseIp(v6 ?? v4 ?? '');
  if (bytes === undefined || Number(port) > MAX_PORT || (v6 !== undefined) !== (bytes.length === 16)) return undefined;
  return tcpAddress(bytes, Number(port));
}

/** Of 4 or 16 bytes. A v4 address in v6 clothes is taken for what it is. */
export function tcpAddress(bytes: readonly number[], port: number, setting?: string): TcpAddress {
  const plain = unmapped(bytes);
  return { is: plain.length === 4 ? 'tcp4' : 'tcp6', host: formatIp(plain), port, ...(setting === undefined ? {} : { setting }) };
}

/** Whether the kernel would refuse to listen on both: the same port of the same family, and one of the two means every address. */
export function overlap(one: Address, other: Address): boolean {
  if (one.is !== other.is || !('port' in one) || !('port' in other) || one.port !== other.port || one.port === 0) return false;
  const any = one.is === 'tcp4' ? '0.0.0.0' : '::';
  return one.host === other.host || one.host === any || other.host === any;
}
