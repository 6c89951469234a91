/** A unix socket's way onto its path: bound beside it, renamed over it when it listens, removed if it is still ours (master). */
import { type BigIntStats, closeSync, lstatSync, readdirSync, renameSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setNonBlocking } from '../sys/descriptors.js';
import { bind, connect, datagramSocket, socket } from '../sys/sockets.js';
import type { UnixAddress } from './address.js';
import { codeOf, refusal } from './complaints.js';
import { draftName, isDraftOf } from './draft-name.js';
import { boundNames, holderOf, isShutDown } from './holder.js';
import type { SocketFile } from './listener.js';
import { encodeName, familyOf } from './socket-name.js';
import { give, ownerOf } from './socket-owner.js';

const ATTEMPTS = 5;

/**
 * Binds `fd` under a draft name with its final owner and mode. Throws HoldfastError, or the system's own error.
 * @param instead the file that it is to replace, whoever answers there
 */
export function bindDraft(fd: number, address: UnixAddress, instead?: SocketFile): SocketFile {
  const owner = ownerOf(address);
  refuseOccupied(address, instead);
  sweep(address.path);
  const draft = bindSomewhere(fd, address);
  try {
    if (owner !== undefined) give(draft, owner);
    const { dev, ino } = lstatSync(draft, { bigint: true });
    return { dev: String(dev), ino: String(ino), draft, ...(instead === undefined ? {} : { instead }) };
  } catch (error) {
    unlinkSync(draft);
    if (codeOf(error) !== 'EPERM') throw error;
    throw refusal(`unix:${address.path}`, 'cannot give it to that user and group: not started as root', error);
  }
}

/** Moves a draft onto its path. Once it is there, nothing happens. */
export function publish(address: UnixAddress, file: SocketFile): void {
  if (file.draft === undefined || hasPath(address.path, file)) return;
  if (!hasPath(file.draft, file)) throw refusal(`unix:${address.path}`, `somebody removed ${file.draft}, which was to become it`);
  // Since the bind, another instance may have started to listen there.
  refuseOccupied(address, file.instead);
  renameSync(file.draft, address.path);
}

/** Removes `path` if it still is this very file. Certain while the socket is open: until then its inode's number belongs to nobody else. */
export function removeIfOurs(path: string, file: SocketFile): void {
  try {
    if (hasPath(path, file)) unlinkSync(path);
  } catch (error) {
    // Whoever leaves has lost the right to its directory, or the directory itself: it leaves all the same.
    if (codeOf(error) === undefined) throw error;
  }
}

/** What stands at a path now, if that is a socket. */
export function socketFileAt(path: string): SocketFile | undefined {
  const found = look(path);
  return found?.isSocket() === true ? { dev: String(found.dev), ino: String(found.ino) } : undefined;
}

/** Whether nothing at all stands at a path. */
export function isFree(path: string): boolean {
  return look(path) === undefined;
}

/** Whether this very file stands at a path. */
export function hasPath(path: string, file: SocketFile): boolean {
  const found = look(path);
  return found !== undefined && isFile(found, file);
}

function isFile({ dev, ino }: BigIntStats, file: SocketFile): boolean {
  return String(dev) === file.dev && String(ino) === file.ino;
}

function look(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

/** A rename replaces whatever is there: only a socket on which nobody answers may be lost, or this one. */
function refuseOccupied(address: UnixAddress, but?: SocketFile): void {
  const label = `unix:${address.path}`;
  const found = look(address.path);
  if (found === undefined || (but !== undefined && isFile(found, but))) return;
  if (!found.isSocket()) throw refusal(label, 'a file that is no socket stands there (move it away, or name another path)');
  const state = stateOf(address);
  if (state === 'denied') throw refusal(label, "another user's socket stands there");
  if (state === 'alive') throw refusal(label, holderOf(address));
}

/** One that somebody has bound and does not listen on, yet, refuses as a dead one does. One that was shut down never will, and may be replaced. */
function stateOf(address: UnixAddress): 'alive' | 'dead' | 'denied' {
  const answer = tryConnect(address, socket(familyOf(address)));
  if (answer !== 'refused') return answer;
  if (!isBound(address)) return 'dead';
  // Asked again, for it may have begun to listen since.
  return isShutDown(address) && tryConnect(address, socket(familyOf(address))) === 'refused' ? 'dead' : 'alive';
}

/**
 * Whether a process, in whatever namespace, has a socket bound to what stands there, whether it listens or not: the kernel looks for that first, and
 * then finds that datagrams are not for it. unix(7), EPROTOTYPE of connect(2)
 */
function isBound(address: UnixAddress): boolean {
  return tryConnect(address, datagramSocket(familyOf(address))) === 'alive';
}

/** Closes the socket. */
function tryConnect(address: UnixAddress, fd: number): 'alive' | 'denied' | 'refused' {
  try {
    setNonBlocking(fd);
    connect(fd, encodeName(address));
    return 'alive';
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EACCES' || code === 'EPERM') return 'denied';
    // A full queue (EAGAIN) and a socket of another type (EPROTOTYPE) are alive as well.
    return code === 'ECONNREFUSED' || code === 'ENOENT' ? 'refused' : 'alive';
  } finally {
    closeSync(fd);
  }
}

function bindSomewhere(fd: number, address: UnixAddress): string {
  for (let attempt = 1; ; attempt += 1) {
    const draft = draftName(address.path, token());
    try {
      withMode(address.access?.mode, () => bind(fd, encodeName({ is: 'unix', path: draft })));
      return draft;
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE' || attempt === ATTEMPTS) throw error;
    }
  }
}

/** By the umask and not by chmod(2), which would follow a link that the owner of the directory puts in the file's place. */
function withMode(mode: number | undefined, act: () => void): void {
  if (mode === undefined) return act();
  const before = process.umask(0o777 & ~mode);
  try {
    act();
  } finally {
    process.umask(before);
  }
}

/** Drafts of instances that were killed before they listened. One that a process has bound stays, whoever it is. */
function sweep(path: string): void {
  try {
    const drafts = readdirSync(dirname(path))
      .map((name) => join(dirname(path), name))
      .filter((name) => isDraftOf(name, path));
    // Asked after the directory: a draft of which the kernel did not know yet when it was listed has its owner by now.
    const bound = drafts.length === 0 ? undefined : boundNames();
    for (const draft of drafts) if (bound?.has(basename(draft)) === false && socketFileAt(draft) !== undefined) unlinkSync(draft);
  } catch (error) {
    // Another's in a sticky directory, or a directory that may be written and not read: litter, and no reason not to start.
    if (codeOf(error) === undefined) throw error;
  }
}

/** Six hexadecimal digits. Nothing depends on their being secret, and the cryptography that makes such ones takes its time to load. */
function token(): string {
  return Math.floor(Math.random() * 2 ** 24)
    .toString(16)
    .padStart(6, '0');
}
