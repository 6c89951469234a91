/**
 * The three names of a pidfile, and what becomes of the partner's file under them; runs in a master.
 */
import { lstatSync, renameSync, rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { tryLock } from '../sys/file-lock.js';
import { monotonic } from '../sys/monotonic.js';
import { namesAnother } from './complaints.js';
import { removeIfIs, secondName } from './draft.js';
import { type DeadFile, examine, forget } from './lookup.js';
import { isHeldBy } from './strangers.js';

/** The candidate's, before commit. */
export function candidateOf(path: string): string {
  return `${path}.2`;
}

/** The newest retiree's, after commit. */
export function retireeOf(path: string): string {
  return `${path}.oldbin`;
}

/**
 * Whether the pidfile at `path` is that of `pid`, whatever somebody wrote into it meanwhile; anybody's if that is undefined.
 * Throws HoldfastError when it is somebody else's who lives: it was removed, and another instance started.
 */
export function isOf(path: string, pid: number | undefined): boolean {
  if (pid === undefined) return true;
  const sighting = examine(path);
  forget(sighting);
  if (!('pid' in sighting)) return false;
  if (sighting.pid === pid || isHeldBy(sighting, pid)) return true;
  if (sighting.state === 'alive' && sighting.pid !== undefined) throw namesAnother(path, sighting.pid);
  return false;
}

/** The file at `path` also becomes PATH.oldbin, if that can be: a retiree that finds no such name writes its file anew. */
export function keepAsRetiree(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return;
  const temporary = secondName(path);
  if (temporary === undefined) return;
  try {
    renameSync(temporary, retireeOf(path));
  } catch {
    // Something odd stands there (a directory?): no reason to fail a hand-over.
  } finally {
    // A rename between two names of one inode does nothing, and leaves both.
    rmSync(temporary, { force: true });
  }
}

/** Milliseconds. A dying process's channel may end before the kernel has come to its other descriptors, the pidfile's lock among them. */
const DYING_MS = 1000;
const POLL_MS = 5;

/** The pidfile at `path` with its lock, if it names `pid` and nobody alive holds it. */
export async function deadFileOf(path: string, pid: number): Promise<DeadFile | undefined> {
  const deadline = monotonic() + DYING_MS;
  for (;;) {
    const sighting = examine(path, tryLock);
    const named = 'pid' in sighting && sighting.pid === pid;
    if (named && sighting.state === 'dead') return sighting;
    forget(sighting);
    if (!named || monotonic() >= deadline) return undefined;
    await pause(POLL_MS);
  }
}

/** Removes PATH.2 if nobody alive holds it, or if it names `pid`. */
export function removeCandidate(path: string, pid: number | undefined): void {
  removeDead(candidateOf(path), pid);
}

/** Removes PATH.oldbin if nobody alive holds it, or if it names `pid`. */
export function removeRetiree(path: string, pid: number): void {
  removeDead(retireeOf(path), pid);
}

function removeDead(name: string, pid: number | undefined): void {
  const sighting = examine(name);
  try {
    const named = 'pid' in sighting && sighting.pid !== undefined && sighting.pid === pid;
    if (sighting.state === 'dead' || (sighting.state === 'alive' && named)) removeIfIs(name, sighting);
  } finally {
    forget(sighting);
  }
}
