/** A file that root opens for somebody who is to write it too (master): what that user's own rights do not give, no trick with links gives either. */
import { closeSync, constants, fchownSync, fstatSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { withFileRightsOf } from '../sys/rights.js';
import { codeOf } from './errno.js';
import type { Identity } from './identity.js';
import { changeable, closedTo, openingOf } from './paths.js';

const DENIED = -1;

/**
 * Opens as open(2) would for that user. Where it may not, root does it and gives the file to the user, but only in a directory that is root's
 * alone all the way: anywhere else the name may have become a link to what the user must not write. And only in one that the user may enter: it is to
 * open the file again, when that has been renamed.
 *
 * @param asked false when the user itself, by a link, has chosen this path: then root does not help
 * @throws Error with the system's `code`, or with a sentence that says why root does not help
 */
export function openAs(identity: Identity, path: string, flags: number, mode: number, asked = true): number {
  const fd = openFor(identity, path, flags, mode, asked);
  return checked(fd, () => refuseUnlessAgain(identity, path, flags, fd));
}

function openFor(identity: Identity, path: string, flags: number, mode: number, asked: boolean): number {
  const own = withFileRightsOf(identity, () => openAllowed(path, flags, mode));
  if (own !== undefined) return own;
  if (!asked) throw new Error(`${identity.label} may not write ${path}, where a link of its own leads`);
  const shut = withFileRightsOf(identity, () => closedTo(path));
  // Nobody changes the mode of what is below /proc; whether a link there can be followed is seen when it is opened.
  if (shut !== undefined && !shut.startsWith('/proc/'))
    throw new Error(
      `${identity.label} may not enter ${shut}, and has to open it there, too; ${openingOf(shut, identity)}, or name another file`,
    );
  const other = changeable(dirname(path), identity.groups);
  if (other !== undefined)
    throw new Error(`${identity.label} may not write it, and root writes nothing below ${other.path}: that ${other.why}`);
  const fd = openSync(path, flags | constants.O_NOFOLLOW, mode);
  return checked(fd, () => give(fd, identity));
}

/** Undefined when it may not. */
function openAllowed(path: string, flags: number, mode: number): number | undefined {
  try {
    return openSync(path, flags, mode);
  } catch (error) {
    if (codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM') return undefined;
    throw error;
  }
}

/** Who has it by now may be shut out by its mode: a umask that takes the owner's rights, or what root had there. A FIFO's reader may have left. */
function refuseUnlessAgain(identity: Identity, path: string, flags: number, fd: number): void {
  const stat = fstatSync(fd);
  if (!stat.isFile()) return;
  const again = withFileRightsOf(identity, () => openUnlessGone(path, flags & ~constants.O_CREAT));
  if (again === DENIED) {
    const bits = (stat.mode & 0o777).toString(8).padStart(4, '0');
    throw new Error(`${identity.label} may not open it a second time, for its mode is ${bits}; chmod u+rw ${path}`);
  }
  if (again !== undefined) closeSync(again);
}

/** Renamed or removed since it was opened, as a rotation does: whoever did that tells us to open it anew. */
function openUnlessGone(path: string, flags: number): number | undefined {
  try {
    return openAllowed(path, flags, 0) ?? DENIED;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
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
