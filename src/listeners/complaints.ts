/** What an operator is told when an address cannot be had (master). */
import { dirname } from 'node:path';
import { HoldfastError } from '../errors.js';
import { type Address, formatAddress } from './address.js';
import { holderOf } from './holder.js';

const PRIVILEGED = 1024;
const NO_IPV6 = 'this machine has no IPv6';

/** The errno name of whatever was thrown. */
export function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** Turns what the system threw into the operator's line; what is none of its errors is given back as it is. */
export function complaint(thrown: unknown, address: Address, label = formatAddress(address)): unknown {
  const code = codeOf(thrown);
  if (code === undefined || thrown instanceof HoldfastError) return thrown;
  const reason = address.is === 'unix' ? unixReason(code, dirname(address.path)) : reasonOf(code, address);
  return refusal(label, reason ?? (code === 'EADDRINUSE' ? holderOf(address) : code), thrown);
}

/** "cannot bind 127.0.0.1:8000: ..." */
export function refusal(label: string, reason: string, cause?: unknown): HoldfastError {
  return new HoldfastError(`cannot bind ${label}: ${reason}`, undefined, { cause });
}

function reasonOf(code: string, address: Address): string | undefined {
  const port = 'port' in address ? address.port : PRIVILEGED;
  switch (code) {
    case 'EACCES':
      if (port >= PRIVILEGED) return 'permission denied';
      return `permission denied (ports under ${PRIVILEGED} need root, with --user for the workers, or CAP_NET_BIND_SERVICE)`;
    case 'EADDRNOTAVAIL':
      return 'no such address on this machine';
    case 'EAFNOSUPPORT':
      return address.is === 'tcp6' ? NO_IPV6 : code;
    case 'EMFILE':
      return 'too many open files (raise ulimit -n)';
    // Linux never; macOS takes it for an empty path.
    case 'ENOENT':
    case 'EINVAL':
      return address.is === 'abstract' ? 'this system has no abstract unix sockets' : code;
    default:
      return undefined;
  }
}

function unixReason(code: string, directory: string): string | undefined {
  switch (code) {
    case 'ENOENT':
      return `there is no directory ${directory} (create it)`;
    case 'ENOTDIR':
      return `${directory} is not a directory`;
    case 'EACCES':
    case 'EPERM':
      return `permission denied in ${directory} (make it writable for this user)`;
    case 'EROFS':
      return `${directory} is on a read-only file system`;
    case 'ENOSPC':
    case 'EDQUOT':
      return `no space left on the file system of ${directory}`;
    case 'ELOOP':
      return `too many symbolic links in ${directory}`;
    case 'EMFILE':
      return 'too many open files (raise ulimit -n)';
    default:
      return undefined;
  }
}
