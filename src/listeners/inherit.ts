/** Descriptors that another process opened, believed as far as the kernel confirms them (candidate, or a first master under fd://N). */
import { fstatSync } from 'node:fs';
import { HoldfastError } from '../errors.js';
import { setCloseOnExec } from '../sys/descriptors.js';
import { C, getOption, getSocketName, isConnected, isShut } from '../sys/sockets.js';
import { type Address, formatAddress, parseLabel } from './address.js';
import { isDraftOf } from './draft-name.js';
import { splitLabel } from './encode.js';
import type { Listener, SocketFile } from './listener.js';
import { isFree, socketFileAt } from './socket-file.js';
import { type Bindable, decodeName } from './socket-name.js';

const SOCK_STREAM = 1;

/**
 * Takes over a listener of the generation before, and marks it close-on-exec.
 * A unix socket whose file is gone, or that was shut down, has no `socketFile`: matchListeners has it bound anew.
 * @param label as decodeListeners gives it
 * @throws HoldfastError "cannot inherit ...": not open, not a stream socket, connected, bound elsewhere, its path taken by another file
 */
export function inheritListener(label: string, fd: number): Listener {
  const { label: address, file } = splitLabel(label);
  const expected = parseLabel(address);
  if (expected === undefined) throw refused(label, 'that is no address');
  const bound = nameOf(address, fd);
  if (!isBoundTo(bound, expected)) throw refused(address, `descriptor ${fd} is bound to ${formatAddress(bound)}`);
  const socketFile = expected.is === 'unix' && !isShut(fd) ? fileOf(expected.path, file) : undefined;
  setCloseOnExec(fd);
  return {
    address,
    bound: expected.is === 'unix' ? address : formatAddress(bound),
    fd,
    ...(socketFile === undefined ? {} : { socketFile }),
  };
}

/** A descriptor of whatever address: the file of a unix socket is not ours. */
export function adoptDescriptor(label: string, fd: number): Listener {
  const bound = formatAddress(nameOf(label, fd));
  setCloseOnExec(fd);
  return { address: label, bound, fd };
}

function nameOf(label: string, fd: number): Bindable {
  if (!isSocket(label, fd)) throw refused(label, `descriptor ${fd} is not a socket`);
  // The machine's own order of bytes: an int.
  const [type] = new Int32Array(new Uint8Array(getOption(fd, C.SOL_SOCKET, C.SO_TYPE, 4)).buffer);
  if (type !== SOCK_STREAM) throw refused(label, `descriptor ${fd} is not a stream socket`);
  if (isConnected(fd)) throw refused(label, `descriptor ${fd} is a connection`);
  const name = decodeName(getSocketName(fd));
  if (name === undefined || ('port' in name && name.port === 0)) throw refused(label, `descriptor ${fd} is not bound`);
  return name;
}

function isSocket(label: string, fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch (cause) {
    throw refused(label, `descriptor ${fd} is not open`, cause);
  }
}

function isBoundTo(bound: Bindable, expected: Address): boolean {
  if (expected.is === 'fd') return true;
  if (expected.is === 'unix') return bound.is === 'unix' && (bound.path === expected.path || isDraftOf(bound.path, expected.path));
  const asked = 'port' in expected && 'port' in bound && expected.port === 0 ? { ...expected, port: bound.port } : expected;
  return formatAddress(bound) === formatAddress(asked);
}

/** Without a record (the documented form has none) the socket that stands there is taken for ours: the name that it was bound under says so. */
function fileOf(path: string, recorded: SocketFile | undefined): SocketFile | undefined {
  if (isFree(path)) return undefined;
  const found = socketFileAt(path);
  if (found === undefined) throw refused(`unix:${path}`, 'a file that is no socket stands there now');
  if (recorded !== undefined && (recorded.dev !== found.dev || recorded.ino !== found.ino))
    throw refused(`unix:${path}`, 'another socket has taken its path (remove that to have it bound anew)');
  return found;
}

function refused(label: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError(`cannot inherit ${label}: ${why}`, undefined, { cause });
}
