/**
 * A master's file comes into view whole, at a first start or as a candidate's; runs in a master.
 */
import { linkSync, renameSync, rmSync } from 'node:fs';
import { HoldfastError } from '../errors.js';
import { codeOf, complaining, lockedElsewhere, runningMaster } from './complaints.js';
import { type Draft, discard, draftMeanwhile, type Held, removeIfIs } from './draft.js';
import { type Grip, glanceWithin, lockWithin } from './grip.js';
import { examine, forget, isAt, type LiveFile, type Sighting } from './lookup.js';
import { candidateOf, retireeOf } from './places.js';
import { inSection, type Patience } from './section.js';
import { isElsewhere } from './strangers.js';

/** Writes a file for this process and has it put into place. */
export async function publish(path: string, patience: Patience, put: (path: string, file: Draft) => void): Promise<Held> {
  const file = await draftMeanwhile(path);
  try {
    await inSection(path, patience, () => put(path, file));
    return file;
  } catch (error) {
    discard(file.temporary, file.fd);
    throw error;
  }
}

/** Milliseconds. A refusal of a first start is final, and nothing else waits for this process yet: it looks long enough. */
const FIRST_LOOK_MS = 100;

interface Place {
  readonly file: string;
  readonly sighting: Sighting;
}

/** Throws HoldfastError when a live master holds any of the three. */
export function forbidRunning(path: string): void {
  survey(path, glanceWithin(FIRST_LOOK_MS), () => {});
}

/**
 * First start: the leftovers of a dead instance go, the draft becomes `path`.
 * Throws HoldfastError when a live master holds any of the three.
 */
export function replaceDead(path: string, file: Draft): void {
  const tried = () =>
    survey(path, lockWithin(FIRST_LOOK_MS), (own, companions) => {
      for (const { file: name, sighting } of companions) if (sighting.state === 'dead') removeIfIs(name, sighting);
      return put(path, own.sighting, file);
    });
  while (!tried());
}

/** Candidate: the draft becomes PATH.2. Throws HoldfastError when another live candidate holds it. */
export function putCandidate(path: string, file: Draft): void {
  const name = candidateOf(path);
  const tried = () => {
    const sighting = examine(name);
    try {
      if (sighting.state === 'alive') throw rival(name, sighting.pid);
      return put(name, sighting, file);
    } finally {
      forget(sighting);
    }
  };
  while (!tried());
}

function rival(name: string, pid: number | undefined): HoldfastError {
  return new HoldfastError(`cannot upgrade: ${name} names another running candidate (pid ${pid ?? 'unknown'}); wait for its verdict`);
}

/** The dead among the three stay locked by us until `act` is done, so that nobody revives one meanwhile. */
function survey<T>(path: string, grip: Grip, act: (own: Place, companions: readonly Place[]) => T): T {
  const seen: Place[] = [];
  const look = (file: string): Place => {
    // A rotation that was cut short leaves two names of one file, and to a second look our own lock on it would pass for life.
    const twin = seen.find(({ sighting }) => sighting.state === 'dead' && isAt(file, sighting));
    if (twin !== undefined) return { file, sighting: twin.sighting };
    const place = { file, sighting: examine(file, grip) };
    seen.push(place);
    if (place.sighting.state === 'alive') throw running(file, path, place.sighting);
    return place;
  };
  try {
    return act(look(path), [look(candidateOf(path)), look(retireeOf(path))]);
  } finally {
    for (const { sighting } of seen) forget(sighting);
  }
}

function running(file: string, path: string, sighting: LiveFile): HoldfastError {
  const { pid } = sighting;
  return pid !== undefined && isElsewhere(sighting, pid) ? lockedElsewhere(file, pid) : runningMaster(file, path, pid);
}

/** False when the place was taken since it was looked at. The draft's temporary name is gone afterwards. */
function put(name: string, sighting: Sighting, file: Draft): boolean {
  return complaining(name, () => {
    if (sighting.state !== 'absent') renameSync(file.temporary, name);
    else if (!putFirst(name, file)) return false;
    return true;
  });
}

/** A link refuses where a rename would replace what somebody else has just put there. */
function putFirst(name: string, file: Draft): boolean {
  try {
    linkSync(file.temporary, name);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    // A file system without hard links: the section alone keeps the others out.
    renameSync(file.temporary, name);
  }
  rmSync(file.temporary, { force: true });
  return true;
}
