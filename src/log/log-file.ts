/** Opening a log file (any role). */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { EXIT, HoldfastError } from '../errors.js';
import { reasonOf } from './reason.js';

// Not blocking, so that a FIFO which nobody reads is an error and not a standstill; no terminal becomes ours by being written to.
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY;
const MODE = 0o640;

const PLAIN: ReadonlyMap<string | undefined, string> = new Map([
  ['ENOENT', 'its directory does not exist'],
  ['ENOTDIR', 'what should be its directory is none'],
  ['EACCES', 'permission denied'],
  ['EISDIR', 'it is a directory'],
  ['ENXIO', 'it is a FIFO that nobody reads, or a socket'],
  ['ELOOP', 'it has become a link'],
]);

/** Who opens the file. */
export interface Opener {
  /** Whose links are followed, beside root's. */
  readonly uid: number;
  /** `asked`: false when a link that is not root's has led to this path. */
  open(path: string, flags: number, mode: number, asked: boolean): number;
}

const ourselves = (): Opener => ({ uid: process.geteuid?.() ?? 0, open: openSync });

/** A descriptor that appends to it. The mode is 0640 less the umask. Throws HoldfastError, exit 1. open(2). */
export function openLogFile(path: string, flag = '--log-file', { uid, open }: Opener = ourselves()): number {
  try {
    if (isDescriptor(path)) return open(path, FLAGS, MODE, true);
    const { name, asked } = behindLinks(path, uid);
    const fd = open(name, FLAGS | constants.O_NOFOLLOW, MODE, asked);
    return closedUnless(fd, () => refusePlanted(fd, dirname(name), uid));
  } catch (cause) {
    throw new HoldfastError(
      `cannot open the log file ${path}: ${reason(cause as NodeJS.ErrnoException, path)} (see ${flag})`,
      EXIT.failed,
      {
        cause,
      },
    );
  }
}

function reason(error: NodeJS.ErrnoException, path: string): string {
  // Root did not follow it for somebody else: it never was anything but a link.
  if (error.code === 'ELOOP' && isDescriptor(path))
    return 'the workers may not open what it leads to (use - and a pipe behind the command)';
  return PLAIN.get(error.code) ?? reasonOf(error);
}

/** Links that open what they lead to without a name, like `>(command)` of a shell. proc(5). */
function isDescriptor(path: string): boolean {
  return /^\/(dev\/fd|proc)\//.test(path);
}

const MOST_LINKS = 40;

/**
 * In /tmp anybody can put a link to what only we may write. The kernel has a guard against that, protected_symlinks of proc(5), which is off
 * in places, and which does not look at directories that are not sticky.
 */
function behindLinks(path: string, uid: number): { readonly name: string; readonly asked: boolean } {
  let name = path;
  let asked = true;
  for (let count = 0; count < MOST_LINKS; count += 1) {
    const stat = lstatSync(name, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink() !== true) return { name, asked };
    if (stat.uid !== 0 && stat.uid !== uid) throw new Error(`${name} is a link that belongs to uid ${stat.uid}`);
    asked &&= stat.uid === 0;
    name = resolve(dirname(name), readlinkSync(name));
  }
  return { name, asked };
}

/**
 * Nor is it a file that anybody could have put there to read the log, or a second name of one that only we may write. The kernel's guards against
 * these, protected_regular, protected_fifos and protected_hardlinks, are off in places, too.
 */
function refusePlanted(fd: number, directory: string, uid: number): void {
  const place = statSync(directory);
  const stat = fstatSync(fd);
  const everybodys = (place.mode & 0o002) !== 0;
  const others = ![0, uid, place.uid].includes(stat.uid);
  if (!everybodys || (!others && stat.nlink <= 1)) return;
  const what = others ? `belongs to uid ${stat.uid}` : 'has a second name somewhere';
  throw new Error(`it ${what}, and in ${directory} everybody may write`);
}

/** Whatever throws, the directory's end included: the file is not left open. */
function closedUnless(fd: number, check: () => void): number {
  try {
    check();
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
