/** Who has an address that is in use (master): /proc/net, then every process's descriptors. proc(5), proc_pid_net(5). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { endianness } from 'node:os';
import { basename } from 'node:path';
import { type AbstractAddress, type Address, overlap, tcpAddress, type UnixAddress } from './address.js';
import { isDraftOf } from './draft-name.js';

const LISTENING = '0A';
/** __SO_ACCEPTCON, a flag of /proc/net/unix. */
const ACCEPTS = 0x10000;
/** SS_UNCONNECTED, a state of /proc/net/unix: bound, whether it listens or not. */
const UNCONNECTED = '01';

/** A process that holds a socket. */
interface Holder {
  readonly pid: number;
  readonly parent: number;
}

/** "in use by node (pid 4711)"; or "in use", where the holder is another user's, another container's, or not to be found on this system. */
export function holderOf(address: Address): string {
  const pid = holderPid(address);
  return pid === undefined ? 'in use' : `in use by ${nameOf(pid)} (pid ${pid})`;
}

/**
 * File names, without directories, of the unix sockets that exist, as they were bound; undefined where the kernel has no such table.
 * The same directory may go by several paths (/run, /var/run), and the kernel remembers the one that bind(2) was given.
 */
export function boundNames(): ReadonlySet<string> | undefined {
  const rows = table('unix');
  return rows.length === 0 ? undefined : new Set(rows.map((row) => basename(unixName(row))));
}

/** How many wait on a unix socket that others hold, by the name that it was bound under: who was not accepted has no inode yet. */
export function waitingAt(name: string): number {
  const UNACCEPTED = '0';
  return table('unix').filter((row) => unixName(row) === name && inodeOf(row) === UNACCEPTED).length;
}

/**
 * Whether the sockets that were bound to this path listen, by what the kernel remembers of listen(2): then one that refuses was shut down. False where
 * there is no such table, or nothing of this path in it. Connections that were accepted bear the name, too, and outlive the shutdown.
 */
export function isShutDown(address: UnixAddress): boolean {
  const own = table('unix').filter((row) => isNamed(row, address) && stateOf(row) === UNCONNECTED);
  return own.length > 0 && own.every((row) => (Number.parseInt(row.trim().split(/\s+/)[3] ?? '', 16) & ACCEPTS) !== 0);
}

function holderPid(address: Address): number | undefined {
  for (const inodes of candidates(address)) {
    const holders = inodes.size === 0 ? [] : holdersOf(inodes);
    // Workers share their master's sockets: the one whose parent is no holder speaks for all. Its pid need not be the lowest, they wrap.
    const eldest = holders.filter(({ parent }) => !holders.some(({ pid }) => pid === parent));
    const pids = (eldest.length === 0 ? holders : eldest).map(({ pid }) => pid);
    if (pids.length > 0) return Math.min(...pids);
  }
  return undefined;
}

/** Inodes of the sockets that may stand in the way, the likeliest first: one that listens, then one that is merely connected from there. */
function candidates(address: Address): readonly ReadonlySet<string>[] {
  if (address.is === 'unix' || address.is === 'abstract') return [new Set(table('unix').flatMap((row) => unixInode(row, address)))];
  const sockets = table('tcp')
    .concat(table('tcp6'))
    .map(tcpSocket)
    .filter((socket) => overlap(address, socket.address) || dualStack(address, socket.address));
  return [sockets.filter(({ state }) => state === LISTENING), sockets].map((some) => new Set(some.map(({ inode }) => inode)));
}

/** A v6 socket that takes v4 connections too; the table does not say which do. */
function dualStack(wanted: Address, held: Address): boolean {
  return wanted.is === 'tcp4' && held.is === 'tcp6' && held.host === '::' && held.port === wanted.port;
}

function table(name: 'tcp' | 'tcp6' | 'unix'): readonly string[] {
  try {
    return readFileSync(`/proc/net/${name}`, 'utf8').trimEnd().split('\n').slice(1);
  } catch {
    return [];
  }
}

function tcpSocket(row: string): { readonly address: Address; readonly state: string; readonly inode: string } {
  const [, local = '', , state = '', , , , , , inode = ''] = row.trim().split(/\s+/);
  const [host = '', port = ''] = local.split(':');
  return { address: tcpAddress(hostBytes(host), Number.parseInt(port, 16)), state, inode };
}

/** The kernel prints words of 32 bits in the machine's own order. */
function hostBytes(hex: string): readonly number[] {
  const words = hex.match(/.{8}/g) ?? [];
  return words.flatMap((word) => {
    const bytes = [...Buffer.from(word, 'hex')];
    return endianness() === 'LE' ? bytes.reverse() : bytes;
  });
}

/** `Num: RefCount Protocol Flags Type St Inode Path`; a path may hold blanks, and an abstract one begins with @. */
function unixInode(row: string, address: UnixAddress | AbstractAddress): readonly string[] {
  return isNamed(row, address) ? [inodeOf(row)] : [];
}

function isNamed(row: string, address: UnixAddress | AbstractAddress): boolean {
  const name = unixName(row);
  return address.is === 'abstract' ? name === `@${address.name}` : name === address.path || isDraftOf(name, address.path);
}

function stateOf(row: string): string {
  return row.trim().split(/\s+/)[5] ?? '';
}

function inodeOf(row: string): string {
  return row.trim().split(/\s+/)[6] ?? '';
}

function unixName(row: string): string {
  return /^\S+(?:\s+\S+){6} (.*)$/.exec(row.trimStart())?.[1] ?? '';
}

function holdersOf(inodes: ReadonlySet<string>): readonly Holder[] {
  const pids = list('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => holds(pid, inodes)).map((pid) => ({ pid: Number(pid), parent: parentOf(pid) }));
}

function holds(pid: string, inodes: ReadonlySet<string>): boolean {
  return list(`/proc/${pid}/fd`).some((fd) => {
    const inode = /^socket:\[(\d+)\]$/.exec(attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`)))?.[1];
    return inode !== undefined && inodes.has(inode);
  });
}

function parentOf(pid: string): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(attempt(() => readFileSync(`/proc/${pid}/status`, 'utf8')))?.[1] ?? 0);
}

/** Node 24 calls its main thread MainThread, Node 26 node-MainThread, and our title is "holdfast: master ..." cut to 15 bytes. */
function nameOf(pid: number): string {
  const name =
    attempt(() => readFileSync(`/proc/${pid}/comm`, 'utf8'))
      .trim()
      .split(':')[0] ?? '';
  if (name !== '' && !/^(node-)?MainThread$/.test(name)) return name;
  return basename(attempt(() => readlinkSync(`/proc/${pid}/exe`))) || 'a process';
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Processes end while they are looked at, and those of other users are not shown. */
function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
