/** The name that a unix socket is bound under before it is renamed into place: `/run/.shop.sock.1f6b0c`. Pure. */
import { EXIT, HoldfastError } from '../errors.js';

/** Bytes of sun_path without its final NUL. unix(7). */
export const NAME_LIMIT = process.platform === 'darwin' ? 103 : 107;
const TOKEN_DIGITS = 6;
const ADDED = '..'.length + TOKEN_DIGITS;

/** In the same directory, for a rename must not cross file systems. `token`: six hexadecimal digits. */
export function draftName(path: string, token: string): string {
  const slash = path.lastIndexOf('/') + 1;
  return `${path.slice(0, slash)}.${path.slice(slash)}.${token}`;
}

/** Whether a socket with this name was bound for this path. A rename does not change the name that the kernel remembers. */
export function isDraftOf(name: string, path: string): boolean {
  const token = name.slice(-TOKEN_DIGITS);
  return /^[0-9a-f]{6}$/.test(token) && name === draftName(path, token);
}

/** @throws HoldfastError with exit status 2 when a socket could not be bound for this path; `setting` is what was asked for */
export function checkPathLength(path: string, setting: string): void {
  if (Buffer.byteLength(path) + ADDED <= NAME_LIMIT) return;
  const why = `its path has ${Buffer.byteLength(path)} bytes, and a unix socket's may have ${NAME_LIMIT - ADDED} here`;
  throw new HoldfastError(`cannot bind ${setting}: ${why} (${ADDED} are needed for the temporary name)`, EXIT.usage);
}
