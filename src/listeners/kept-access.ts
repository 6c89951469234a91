/** What a unix socket that was inherited has for its file's mode and owner (candidate): the file stays, and is nobody's to change behind an operator's back. */
import { lstatSync } from 'node:fs';
import { shellWord } from '../errors.js';
import type { Address } from './address.js';
import { ownerOf } from './socket-owner.js';

const PERMISSIONS = 0o777;

/**
 * The commands that would give the file at an address what is asked for there; none where it has that, or nothing is asked for.
 * @throws HoldfastError: there is no such user or group
 */
export function accessLackedBy(address: Address): readonly string[] {
  const stat = address.is === 'unix' ? lstatSync(address.path, { throwIfNoEntry: false }) : undefined;
  if (address.is !== 'unix' || stat === undefined) return [];
  const { path, access: { mode } = {} } = address;
  const { uid, gid } = ownerOf(address) ?? { uid: -1, gid: -1 };
  const [user, group] = [uid === -1 ? stat.uid : uid, gid === -1 ? stat.gid : gid];
  const file = shellWord(path);
  return [
    ...(mode === undefined || mode === (stat.mode & PERMISSIONS) ? [] : [`chmod ${mode.toString(8).padStart(4, '0')} ${file}`]),
    ...(user === stat.uid && group === stat.gid ? [] : [`chown ${user}:${group} ${file}`]),
  ];
}
