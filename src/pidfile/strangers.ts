/**
 * Whose a lock on a pidfile is; runs in any process. flock(2) takes any open file, so everybody who may read a dead master's pidfile can lock it,
 * for good, and would keep the next one from starting.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { codeOf } from './complaints.js';

const ROOT = 0;

/** Decides on text alone: the pids that hold flock on a file, by /proc/locks (those of this PID namespace). `dev` as stat(2) gives it. */
function holders(locks: string, dev: bigint, ino: bigint): number[] {
  const [major, minor] = [((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn), (dev & 0xffn) | ((dev >> 12n) & ~0xffn)];
  const hex = (number: bigint) => number.toString(16).padStart(2, '0');
  const file = `${hex(major)}:${hex(minor)}:${ino}`;
  return locks.split('\n').flatMap((line) => {
    // `1: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF`; who waits has an arrow before FLOCK. proc(5)
    const [, pid, its] = /^\d+: FLOCK +\S+ +\S+ +(\d+) (\S+) /.exec(line) ?? [];
    return its === file ? [Number(pid)] : [];
  });
}

/** Whether this process holds flock on that file. False where nobody can say. */
export function isHeldBy({ dev, ino }: Pick<Stat, 'dev' | 'ino'>, pid: number): boolean {
  try {
    return holders(readFileSync('/proc/locks', 'latin1'), dev, ino).includes(pid);
  } catch {
    return false;
  }
}

interface Stat {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly uid: bigint;
}

/**
 * Whether it was taken only by processes that are gone, or are not the one it names, nor root's, nor the file's owner's: no master can be among them.
 * False where nobody can say.
 */
export function isStrangers({ dev, ino, uid }: Stat, named: number): boolean {
  try {
    const found = holders(readFileSync('/proc/locks', 'latin1'), dev, ino);
    return found.length > 0 && found.every((pid) => pid !== named && (isGone(pid) || ![ROOT, Number(uid)].includes(userOf(pid))));
  } catch {
    return false;
  }
}

/**
 * Whether a lock is held from where this process cannot see: /proc/locks has nobody, and the process that the file names is not here, or has not got the file
 * open. Another container that has the file's directory, or the machine around this one. False where nobody can say. pid_namespaces(7)
 */
export function isElsewhere({ dev, ino }: Pick<Stat, 'dev' | 'ino'>, named: number): boolean {
  try {
    if (holders(readFileSync('/proc/locks', 'latin1'), dev, ino).length > 0) return false;
    return isGone(named) || hasOpen(named, dev, ino) === false;
  } catch {
    return false;
  }
}

/** Undefined for a process that does not let itself be looked at. */
function hasOpen(pid: number, dev: bigint, ino: bigint): boolean | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const stat = statSync(`/proc/${pid}/fd/${fd}`, { bigint: true, throwIfNoEntry: false });
      return stat?.dev === dev && stat.ino === ino;
    });
  } catch {
    return undefined;
  }
}

/** A lock goes on with whoever has the open file from the one that took it; a master has taken its own. ESRCH: whoever is hidden gives EPERM. */
function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH' && !existsSync(`/proc/${pid}`);
  }
}

/** The effective one. proc(5), /proc/PID/status. */
function userOf(pid: number): number {
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return uid === undefined ? ROOT : Number(uid);
}
