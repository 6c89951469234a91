/** Who could change what lies at a path, and who can get there (any role). */
import { lstatSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { shellWord } from '../errors.js';
import { codeOf } from './errno.js';
import type { Identity } from './identity.js';

export interface Changeable {
  readonly path: string;
  /** "belongs to uid 1000", "its group 50 may write", "everybody may write". */
  readonly why: string;
}

/**
 * What others than root could change of a file that root is about to execute or to write: itself, and each directory on the way there, by the
 * name as given and by the physical one. A sticky directory like /tmp counts only where the next step is another's. path_resolution(7).
 *
 * @param groups whose right to write counts; every group's but root's own if not given
 */
export function changeable(path: string, groups?: readonly number[]): Changeable | undefined {
  for (const step of new Set([...wayTo(path), ...wayTo(physical(path))])) {
    const stat = lstatSync(step, { throwIfNoEntry: false });
    const why = stat === undefined ? undefined : openTo(stat, groups);
    if (why !== undefined) return { path: step, why };
  }
  return undefined;
}

/** The first directory on the way to a path that may not be entered, with the rights that this thread has for files. One that is missing is no such. */
export function closedTo(path: string): string | undefined {
  return wayTo(dirname(path)).find((directory) => !mayEnter(directory));
}

/**
 * The command that lets that user into a directory which it may not enter. Of owner, group and others only the first that it is one of counts; where those
 * bits let it in, something else keeps it out. path_resolution(7), acl(5).
 *
 * @throws Error with the system's `code` when this process may not look at the directory
 */
export function openingOf(directory: string, { uid, groups }: Pick<Identity, 'uid' | 'groups'>): string {
  const stat = statSync(directory);
  const [letter, bit] = stat.uid === uid ? ['u', 0o100] : groups.includes(stat.gid) ? ['g', 0o010] : ['o', 0o001];
  return (stat.mode & bit) === 0 ? `chmod ${letter}+x ${shellWord(directory)}` : `setfacl -m u:${uid}:x ${shellWord(directory)}`;
}

function openTo(stat: Stats, groups: readonly number[] | undefined): string | undefined {
  if (stat.uid !== 0) return `belongs to uid ${stat.uid}`;
  // The mode of a link says nothing; who may replace it is its directory's affair. So is it with what stands in a sticky one.
  if (stat.isSymbolicLink() || (stat.isDirectory() && (stat.mode & 0o1000) !== 0)) return undefined;
  if ((stat.mode & 0o002) !== 0) return 'everybody may write';
  const counts = groups === undefined ? stat.gid !== 0 : groups.includes(stat.gid);
  return (stat.mode & 0o020) !== 0 && counts ? `its group ${stat.gid} may write` : undefined;
}

/** /, /srv, /srv/shop */
function wayTo(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [...wayTo(parent), path];
}

function physical(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** By going one step further: access(2) asks for the real user. path_resolution(7). */
function mayEnter(directory: string): boolean {
  try {
    lstatSync(`${directory}/.`);
    return true;
  } catch (error) {
    return codeOf(error) !== 'EACCES' && codeOf(error) !== 'EPERM';
  }
}
