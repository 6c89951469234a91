/** Sockets that are bound and do not listen yet (master). A connection is refused until `listen`. */
import { closeSync } from 'node:fs';
import { bind, getSocketName, setReuseAddress, setV6Only, socket } from '../sys/sockets.js';
import { type AbstractAddress, type Address, formatAddress, type TcpAddress, type UnixAddress } from './address.js';
import { codeOf, complaint, refusal } from './complaints.js';
import { adoptDescriptor } from './inherit.js';
import type { Listener, SocketFile } from './listener.js';
import { bindDraft } from './socket-file.js';
import { type Bindable, decodeName, encodeName, familyOf } from './socket-name.js';

/**
 * Binds one address, close-on-exec. A unix path keeps its draft name until `listen`; a descriptor (`fd://3`) is taken as it is.
 * @param port in place of the address's own, which remains in the label
 * @throws HoldfastError: in use (by whom), not permitted, no such address or directory. bind(2), unix(7)
 */
export async function bindListener(address: Address, port?: number): Promise<Listener> {
  return bindNow(address, port);
}

/** The same at once, for those who bind several. */
export function bindNow(address: Address, port?: number): Listener {
  const label = formatAddress(address);
  const target = port !== undefined && 'port' in address ? { ...address, port } : address;
  try {
    if (target.is === 'fd') return adoptDescriptor(label, target.fd);
    return target.is === 'unix' ? bindUnix(label, target) : bindPlain(label, target);
  } catch (error) {
    throw complaint(error, target);
  }
}

/** In the place of this file, though somebody answers there. Throws as bindListener does. */
export function bindInstead(address: UnixAddress, instead: SocketFile): Listener {
  try {
    return bindUnix(formatAddress(address), address, instead);
  } catch (error) {
    throw complaint(error, address);
  }
}

function bindUnix(label: string, address: UnixAddress, instead?: SocketFile): Listener {
  return opened(address, (fd): Listener => {
    const socketFile: SocketFile = bindDraft(fd, address, instead);
    return { address: label, bound: label, fd, socketFile };
  });
}

function bindPlain(label: string, address: TcpAddress | AbstractAddress): Listener {
  return opened(address, (fd): Listener => {
    if (address.is === 'tcp6') setV6Only(fd);
    if (address.is === 'abstract') bind(fd, encodeName(address));
    else bindExclusively(fd, address);
    return { address: label, bound: verified(fd, address), fd };
  });
}

/**
 * Two sockets that both have SO_REUSEADDR may be bound to one port as long as none listens, and a second instance would find out
 * only when it is to serve. So the option is on while it is needed, to get past connections in TIME_WAIT, and again from `listen` on,
 * since connections inherit it and the next start looks for it there. socket(7), tcp(7)
 */
function bindExclusively(fd: number, address: TcpAddress): void {
  try {
    bind(fd, encodeName(address));
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw error;
    setReuseAddress(fd);
    bind(fd, encodeName(address));
    setReuseAddress(fd, false);
  }
}

/** The label of what it is bound to. Throws when that is not what was asked for. */
export function verified(fd: number, address: TcpAddress | AbstractAddress): string {
  const real = decodeName(getSocketName(fd));
  const label = real === undefined || ('port' in real && real.port === 0) ? 'nothing' : formatAddress(real);
  const expected =
    'port' in address && address.port === 0 && real !== undefined && 'port' in real ? { ...address, port: real.port } : address;
  if (label !== formatAddress(expected)) throw refusal(formatAddress(address), `the system bound ${label} instead`);
  return label;
}

/** A socket of this address's family, closed again when `use` throws. */
export function opened<T>(address: Bindable, use: (fd: number) => T): T {
  const fd = socket(familyOf(address));
  try {
    return use(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
