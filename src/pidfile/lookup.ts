/**
 * Looking at a pidfile, whoever wrote it; runs in any process.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { codeOf, complaining, notAPidfile } from './complaints.js';
import { type Grip, glanceWithin, lockWithin } from './grip.js';
import { isStrangers } from './strangers.js';

/** What tells one file from another whatever their names. */
export interface Inode {
  readonly dev: bigint;
  readonly ino: bigint;
}

/**
 * Its lock is ours until `fd` is closed (unless we only glanced, or a stranger has it): until then nobody else can judge the file dead and
 * replace it.
 */
export interface DeadFile extends Inode {
  readonly state: 'dead';
  readonly pid: number | undefined;
  readonly fd: number;
}

export interface LiveFile extends Inode {
  readonly state: 'alive';
  readonly pid: number | undefined;
}

/** A master leaves no symbolic link behind, so a `link` was planted by somebody: it is never followed, and may be replaced. */
export type Sighting = { readonly state: 'absent' } | { readonly state: 'link' } | LiveFile | DeadFile;

const GLANCE_MS = 20;
const LOCK_MS = 5;

/** NONBLOCK because somebody may put a FIFO there between the look and the open. */
const LOOK = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * The pid of the master that holds the pidfile at `path` (or behind the symbolic link there), undefined when none does.
 * Throws HoldfastError when the file may not be read. flock(2).
 */
export function liveMaster(path: string): number | undefined {
  const target = behindLinks(path);
  const sighting = target === undefined ? undefined : examine(target, glanceWithin(GLANCE_MS));
  if (sighting !== undefined) forget(sighting);
  return sighting?.state === 'alive' ? sighting.pid : undefined;
}

function behindLinks(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    return complaining(path, () => {
      throw error;
    });
  }
}

/**
 * What stands at `path` now. A dead file comes open, and locked if `grip` keeps the lock: `forget` it.
 * Throws HoldfastError for what is no pidfile.
 */
export function examine(path: string, grip: Grip = lockWithin(LOCK_MS)): Sighting {
  return complaining(path, () => {
    for (;;) {
      const sighting = examineOnce(path, grip);
      if (sighting.state === 'absent' || sighting.state === 'link' || isAt(path, sighting)) return sighting;
      // It was replaced between the open and the lock: what we saw is history.
      forget(sighting);
    }
  });
}

function examineOnce(path: string, grip: Grip): Sighting {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return { state: 'absent' };
  if (stat.isSymbolicLink()) return examineLink(path);
  forbidOddFile(path, stat);
  const fd = openUnlessGone(path);
  return fd === undefined ? { state: 'absent' } : examineOpened(path, fd, grip);
}

/**
 * A directory, or /dev/stdout, which leads to whatever our output is, a regular file too: an operator's mistake that a rename over it would not
 * mend, and would keep everybody else from it.
 */
function examineLink(path: string): Sighting {
  if (readlinkSync(path).startsWith('/proc/')) throw notAPidfile(path, 'a link to a descriptor');
  const target = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (target !== undefined) forbidOddFile(path, target);
  return { state: 'link' };
}

/** Root renames over anything, /dev/null included. */
function forbidOddFile(path: string, stat: BigIntStats): void {
  if (stat.isDirectory()) throw notAPidfile(path, 'a directory');
  if (!stat.isFile()) throw notAPidfile(path, 'not a regular file');
}

/** Gone, or become a link since: the next look will tell, and both count as absent to this one. */
function openUnlessGone(path: string): number | undefined {
  try {
    return openSync(path, LOOK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ELOOP') return undefined;
    throw error;
  }
}

function examineOpened(path: string, fd: number, grip: Grip): Sighting {
  let open = false;
  try {
    const stat = fstatSync(fd, { bigint: true });
    const { dev, ino } = stat;
    const free = grip(fd);
    const pid = readPid(path, fd, free);
    const dead = free || (pid !== undefined && isStrangers(stat, pid));
    open = dead;
    return dead ? { state: 'dead', dev, ino, pid, fd } : { state: 'alive', dev, ino, pid };
  } finally {
    if (!open) closeSync(fd);
  }
}

/** Longer than any pid and its surroundings in other programs' pidfiles. */
const LONGEST = 256;

/** A power failure leaves emptiness or zeroes, other programs more lines; a text without a pid is a document named by mistake. */
function readPid(path: string, fd: number, dead: boolean): number | undefined {
  const buffer = Buffer.alloc(LONGEST);
  const text = buffer.toString('latin1', 0, readSync(fd, buffer, 0, LONGEST, 0));
  const digits = /^\s*([1-9]\d{0,9})\s*(\n|$)/.exec(text)?.[1];
  if (digits !== undefined) return Number(digits);
  if (dead && /[^\0\s\d-]/.test(text)) throw notAPidfile(path, 'a file with other contents');
  return undefined;
}

/** Is this very file what stands at `path`? */
export function isAt(path: string, inode: Inode): boolean {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat !== undefined && stat.dev === inode.dev && stat.ino === inode.ino;
}

/** Lets a dead file's lock go. */
export function forget(sighting: Sighting): void {
  if (sighting.state === 'dead') closeSync(sighting.fd);
}
