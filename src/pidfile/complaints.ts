/** What an operator is told when a pidfile cannot be what it should be. */
import { dirname } from 'node:path';
import { HoldfastError } from '../errors.js';
import { NO_DESCRIPTORS } from '../sys/descriptor-limit.js';

const CHOOSE = 'name another file with --pid';

/** By errno name; each is given the pidfile's directory. */
const REASONS: Readonly<Record<string, (directory: string) => string>> = {
  ENOENT: (directory) => `there is no directory ${directory} (create it)`,
  ENOTDIR: (directory) => `${directory} is not a directory (${CHOOSE})`,
  EACCES: (directory) => `permission denied in ${directory} (make it writable for this user, or ${CHOOSE})`,
  EPERM: (directory) => `not permitted in ${directory} (make it writable for this user, or ${CHOOSE})`,
  EROFS: (directory) => `${directory} is on a read-only file system (${CHOOSE})`,
  ENOSPC: (directory) => `no space left on the file system of ${directory} (free some, or ${CHOOSE})`,
  EDQUOT: (directory) => `the disk quota in ${directory} is used up (free some, or ${CHOOSE})`,
  EFBIG: () => 'no file may grow (raise ulimit -f)',
  EISDIR: () => `it is a directory (${CHOOSE})`,
  ENAMETOOLONG: () => `the name is too long (${CHOOSE})`,
  ELOOP: (directory) => `too many symbolic links in ${directory} (${CHOOSE})`,
  EMFILE: () => NO_DESCRIPTORS,
  ENFILE: () => NO_DESCRIPTORS,
  ENOLCK: noLocks,
  ENOSYS: noLocks,
  ENOTSUP: noLocks,
  EOPNOTSUPP: noLocks,
};

function noLocks(directory: string): string {
  return `the file system of ${directory} has no file locks (flock); ${CHOOSE} on one that has, like /run`;
}

/** The errno name of whatever was thrown. */
export function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** Turns what the system threw into the operator's line; what is none of its errors is given back as it is. */
export function complaint(thrown: unknown, path: string): unknown {
  const code = codeOf(thrown);
  if (code === undefined || thrown instanceof HoldfastError) return thrown;
  const reason = REASONS[code]?.(dirname(path)) ?? `${code} (${CHOOSE})`;
  return new HoldfastError(`cannot use the pidfile ${path}: ${reason}`, undefined, { cause: thrown });
}

/** Runs `act`, and throws the operator's line in place of a system error. */
export function complaining<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw complaint(error, path);
  }
}

/** Somebody's file that was never a pidfile stands at the path: a device, a directory, a document. */
export function notAPidfile(path: string, what: string): HoldfastError {
  return new HoldfastError(`cannot use the pidfile ${path}: it is ${what} (${CHOOSE})`);
}

/** Between two generations the pidfile became another instance's. */
export function namesAnother(path: string, pid: number): HoldfastError {
  return new HoldfastError(
    `cannot take the pidfile ${path}: it names another running process by now (pid ${pid}); start one of the two with another --pid`,
  );
}

/** A first start found `file` (the pidfile at `path`, or one of its companions) locked. */
export function runningMaster(file: string, path: string, pid: number | undefined): HoldfastError {
  if (pid === undefined) return new HoldfastError(`cannot start: ${file} is locked by a running process (fuser ${file} names it)`);
  const hint = file === path ? `kill -USR2 ${pid} upgrades it` : `kill -TERM ${pid} ends it`;
  return new HoldfastError(`cannot start: ${file} names a running master (pid ${pid}); ${hint}`);
}

/** The same, by somebody outside this PID namespace; a master in another container has as good a right to it as we. */
export function lockedElsewhere(file: string, named: number): HoldfastError {
  const what = `${file} is locked, and not by the pid ${named} that it names, nor by any process that can be seen from here`;
  return new HoldfastError(
    `cannot start: ${what} (do containers share it? fuser ${file} on the host names who has it: end that, or ${CHOOSE})`,
  );
}
