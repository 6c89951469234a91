/**
 * Files under temporary names beside the pidfile, from where a rename puts them into place whole; runs in a master.
 */
import { closeSync, fchmodSync, fstatSync, fsync, fsyncSync, linkSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { tryLock } from '../sys/file-lock.js';
import { complaining, complaint } from './complaints.js';
import { examine, forget, type Inode, isAt } from './lookup.js';

/** A pidfile of this process. Its lock lives as long as `fd` is open, and follows the inode through renames. */
export interface Held extends Inode {
  readonly fd: number;
}

/** One that nobody has seen yet. */
export interface Draft extends Held {
  readonly temporary: string;
}

const MODE = 0o644;
const ATTEMPTS = 5;

/** Eight hexadecimal digits. Nothing depends on their being secret, and the cryptography that makes such ones takes its time to load. */
function token(): string {
  return Math.floor(Math.random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}

function temporaryName(path: string): string {
  return `${path}.${process.pid}.${token()}.tmp`;
}

/**
 * Writes this process's pid beside `path`: locked, on the disk, and world-readable whatever the umask.
 * Throws HoldfastError. open(2), flock(2), fsync(2).
 */
export function draft(path: string): Draft {
  const file = unsynced(path);
  try {
    fsyncSync(file.fd);
    return file;
  } catch (error) {
    throw lost(file, error, path);
  }
}

/** The same, for whoever has something else to do until the disk has it. Rejects with HoldfastError. */
export async function draftMeanwhile(path: string): Promise<Draft> {
  const file = unsynced(path);
  try {
    await promisify(fsync)(file.fd);
    return file;
  } catch (error) {
    throw lost(file, error, path);
  }
}

function unsynced(path: string): Draft {
  for (let attempt = 1; ; attempt += 1) {
    const made = complaining(path, () => draftOnce(temporaryName(path)));
    if (made !== undefined) return made;
    if (attempt === ATTEMPTS) throw complaint(Object.assign(new Error('lost the lock of a new file'), { code: 'EAGAIN' }), path);
  }
}

function lost({ temporary, fd }: Draft, error: unknown, path: string): unknown {
  discard(temporary, fd);
  return complaint(error, path);
}

/** Undefined when another's sweep came between creation and lock, and took the file for a dead one's. */
function draftOnce(temporary: string): Draft | undefined {
  const fd = openSync(temporary, 'wx', MODE);
  try {
    const locked = tryLock(fd);
    fchmodSync(fd, MODE);
    writeSync(fd, `${process.pid}\n`);
    const { dev, ino, nlink } = fstatSync(fd, { bigint: true });
    if (locked && nlink > 0n) return { temporary, fd, dev, ino };
    discard(temporary, fd);
    return undefined;
  } catch (error) {
    discard(temporary, fd);
    throw error;
  }
}

/** A draft that came to nothing. */
export function discard(temporary: string, fd: number): void {
  rmSync(temporary, { force: true });
  closeSync(fd);
}

/**
 * A second, temporary name for the file at `path`, to be renamed: link(2) itself refuses to replace.
 * Undefined where the file, or the file system, has none to give.
 */
export function secondName(path: string): string | undefined {
  const temporary = temporaryName(path);
  try {
    linkSync(path, temporary);
    return temporary;
  } catch {
    return undefined;
  }
}

/** Removes the temporary files that dead instances left beside `path`, and further names of `own` file. What cannot be removed stays. */
export function sweep(path: string, own: Inode): void {
  for (const file of temporaries(path)) {
    try {
      if (isAt(file, own)) rmSync(file);
      else removeIfDead(file);
    } catch {
      // Somebody else's business, or gone: a stray temporary file stops nobody.
    }
  }
}

function temporaries(path: string): string[] {
  const prefix = `${basename(path)}.`;
  try {
    const names = readdirSync(dirname(path));
    const ours = names.filter((name) => name.startsWith(prefix) && /^\d+\.[0-9a-f]{8}\.tmp$/.test(name.slice(prefix.length)));
    return ours.map((name) => join(dirname(path), name));
  } catch {
    return [];
  }
}

/** Removes the pidfile (or its companion) at `path` if nobody alive holds it. A link may be anybody's and is no leftover of ours. */
export function removeIfDead(path: string): void {
  const sighting = examine(path);
  try {
    if (sighting.state === 'dead') removeIfIs(path, sighting);
  } finally {
    forget(sighting);
  }
}

/** Removes `path` if it is a name of that very file. */
export function removeIfIs(path: string, inode: Inode): void {
  complaining(path, () => {
    if (isAt(path, inode)) rmSync(path, { force: true });
  });
}
