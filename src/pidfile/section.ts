/**
 * The critical section around the read-check-write of a pidfile, between the masters that share it; runs in a master.
 * It orders them, and is not what makes the outcome right: every replacement of a dead master's file is done under that file's own flock,
 * so a section that was broken, or could not be had, costs nothing but order.
 */
import { rmdirSync, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { HoldfastError } from '../errors.js';
import { monotonic } from '../sys/monotonic.js';
import { codeOf, complaint } from './complaints.js';
import { lockfile } from './lockfile.js';

/** Milliseconds; 2000 is proper-lockfile's minimum. It dates its directory up to 1005 ms ahead where a file system counts whole seconds. */
const STALE_MS = 2000;
const RETRY_MS = 20;

/** How long to wait, milliseconds, and what to do when the section cannot be had. */
export interface Patience {
  readonly ms: number;
  readonly otherwise: 'refuse' | 'go on';
}

/** A first start waits out a section whose holder was killed, and refuses when it is still not free. */
export const FIRST_START: Patience = { ms: 5000, otherwise: 'refuse' };
/** A hand-over never fails for the section. */
export const HAND_OVER: Patience = { ms: 3000, otherwise: 'go on' };

/**
 * Loads what the section needs, for a master whose release directory may be gone when it comes to rotate.
 * Call it after your own signal handlers are installed: proper-lockfile brings listeners for most signals, and patches `process.emit`.
 * A signal handled with `once` still ends the process then, because the handler is no longer there when theirs counts.
 */
export async function preload(): Promise<void> {
  lockfile();
}

/** Runs `act`, which is synchronous so that the section lasts as short as can be, in the section of the pidfile at `path`. */
export async function inSection<T>(path: string, patience: Patience, act: () => T): Promise<T> {
  const leave = await enter(path, patience);
  try {
    return act();
  } finally {
    await leave();
  }
}

/** The partner that may have died in the section is known to be dead: nobody need wait until its lock is stale. */
export function breakSection(path: string): void {
  try {
    rmdirSync(lockOf(path));
  } catch {
    // There is none, or it is not ours to remove; entering it will tell.
  }
}

async function enter(path: string, { ms, otherwise }: Patience): Promise<() => Promise<void>> {
  const deadline = monotonic() + ms;
  for (;;) {
    try {
      return await lock(path);
    } catch (error) {
      const held = codeOf(error) === 'ELOCKED';
      if (!held || monotonic() >= deadline) {
        if (otherwise === 'go on') return async () => {};
        throw held || isObstacle(error) ? obstructed(path, error) : complaint(error, path);
      }
    }
    breakFromTheFuture(path);
    await pause(RETRY_MS);
  }
}

async function lock(path: string): Promise<() => Promise<void>> {
  const release = await lockfile().lock(path, {
    realpath: false,
    stale: STALE_MS,
    lockfilePath: lockOf(path),
    // Broken by a survivor that took us for dead, or the directory vanished: the default would throw out of a timer.
    onCompromised: () => {},
  });
  return async () => {
    try {
      await release();
    } catch {
      // Broken meanwhile, or removed: free, in any case.
    }
  };
}

function lockOf(path: string): string {
  return `${path}.lock`;
}

/** A lock from before the clock was set back would never grow stale. */
function breakFromTheFuture(path: string): void {
  const made = statSync(lockOf(path), { throwIfNoEntry: false })?.mtimeMs;
  if (made !== undefined && made > Date.now() + STALE_MS) breakSection(path);
}

/** Something of another kind stands where the lock's directory should. */
function isObstacle(error: unknown): boolean {
  return ['ENOTDIR', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '');
}

function obstructed(path: string, cause: unknown): HoldfastError {
  return new HoldfastError(`cannot start: ${lockOf(path)} is in the way; remove it if nothing else is starting`, undefined, { cause });
}
