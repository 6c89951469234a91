/** A file that root opens for somebody who is to write it too (master): what that user's own rights do not give, no trick with links gives either. */
import { closeSync, constants, fchownSync, fstatSync, openSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { withFileRightsOf } from '../sys/rights.js';
import { codeOf } from './errno.js';
import type { Identity } from './identity.js';
import { changeable } from './paths.js';

/**
 * Opens as open(2) would for that user. Where it may not, root does it and gives the file to the user, but only in a directory that is root's
 * alone all the way: anywhere else the name may have become a link to what the user must not write.
 *
 * @param asked false when the user itself, by a link, has chosen this path: then root does not help
 * @throws Error with the system's `code`, or with a sentence that says why root does not help
 */
export function openAs(identity: Identity, path: string, flags: number, mode: number, asked = true): number {
  const own = withFileRightsOf(identity.uid, identity.gid, () => openAllowed(identity, path, flags, mode));
  if (own !== undefined) return own;
  if (!asked) throw new Error(`${identity.label} may not write ${path}, where a link of its own leads`);
  const other = changeable(dirname(path), identity.groups);
  if (other !== undefined)
    throw new Error(`${identity.label} may not write it, and root writes nothing below ${other.path}: that ${other.why}`);
  const fd = openSync(path, flags | constants.O_NOFOLLOW, mode);
  return checked(fd, () => give(fd, identity));
}

/** Undefined when it may not. */
function openAllowed(identity: Identity, path: string, flags: number, mode: number): number | undefined {
  try {
    const fd = openSync(path, flags, mode);
    if (mayWrite(fstatSync(fd), identity)) return fd;
    // By a group of root's, which is not the user's.
    closeSync(fd);
    return undefined;
  } catch (error) {
    if (codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM') return undefined;
    throw error;
  }
}

function mayWrite({ uid, gid, mode }: Stats, identity: Identity): boolean {
  if (identity.uid === 0 || uid === identity.uid) return true;
  return (mode & (identity.groups.includes(gid) ? 0o020 : 0o002)) !== 0;
}

function give(fd: number, { uid, gid, label }: Identity): void {
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw new Error(`${label} may not write it`);
  if (stat.uid !== 0 && stat.uid !== uid) throw new Error(`it belongs to uid ${stat.uid}`);
  if (stat.uid === uid) return;
  // In /tmp somebody may have given the name to a file that is nothing of ours. protected_hardlinks, proc(5), is not on everywhere.
  if (stat.nlink > 1) throw new Error('it has a second name somewhere');
  fchownSync(fd, uid, gid);
}

function checked(fd: number, check: () => void): number {
  try {
    check();
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
