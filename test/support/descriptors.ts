// What a process holds, by kind, with what its sockets are (proc_pid_fd(5), proc_pid_net(5)).
import { readFileSync } from 'node:fs';
import { descriptorLinks, ofProcess, pids } from './proc.js';

export type DescriptorKind = 'socket' | 'pipe' | 'file' | 'anon';

export interface Descriptors {
  readonly count: number;
  readonly kinds: Readonly<Record<DescriptorKind, number>>;
  /** One line each, in order of number: `3 socket [4711] tcp 127.0.0.1:8000 listening`. */
  readonly list: readonly string[];
}

const LISTENING = '0A';

interface TcpSocket {
  readonly inode: string;
  readonly address: string;
  readonly port: number;
  readonly listening: boolean;
}

/** The descriptors of a process, empty when it is gone. Compare `kinds` between generations: inodes differ, what they are must not. */
export function descriptors(pid: number): Descriptors {
  const tcp = new Map(tcpSockets().map((socket) => [socket.inode, socket]));
  const found = descriptorLinks(pid).sort((a, b) => a.fd - b.fd);
  const kinds = { socket: 0, pipe: 0, file: 0, anon: 0 };
  for (const { target } of found) kinds[kindOf(target)] += 1;
  return { count: found.length, kinds, list: found.map(({ fd, target }) => `${fd} ${kindOf(target)} ${describe(target, tcp)}`) };
}

/** How many TCP connections a process has, queued ones not included. */
export function connections(pid: number): number {
  return descriptors(pid).list.filter((line) => / tcp .*(?<! listening)$/.test(line)).length;
}

/** The processes that hold a listening TCP socket of this port, a mere holder who never accepts included. */
export function listeningOn(port: number): number[] {
  const targets = listeningTargets(port);
  if (targets.size === 0) return [];
  return pids().filter((pid) => descriptorLinks(pid).some(({ target }) => targets.has(target)));
}

/** Where descriptors of a port's listening TCP sockets lead: `socket:[4711]`. */
export function listeningTargets(port: number): ReadonlySet<string> {
  const ours = tcpSockets().filter((socket) => socket.port === port && socket.listening);
  return new Set(ours.map((socket) => `socket:[${socket.inode}]`));
}

/** Whether a process waits for one of these sockets in an epoll, as one that accepts does and a mere holder does not (proc_pid_fdinfo(5)). */
export function waitsFor(pid: number, targets: ReadonlySet<string>): boolean {
  const links = descriptorLinks(pid);
  const wanted = new Set(links.filter(({ target }) => targets.has(target)).map(({ fd }) => fd));
  return links
    .filter(({ target }) => target === 'anon_inode:[eventpoll]')
    .some(({ fd }) => watchedBy(pid, fd).some((one) => wanted.has(one)));
}

function watchedBy(pid: number, epoll: number): number[] {
  const text = ofProcess(() => readFileSync(`/proc/${pid}/fdinfo/${epoll}`, 'latin1')) ?? '';
  return [...text.matchAll(/^tfd:\s*(\d+)/gm)].map(([, fd]) => Number(fd));
}

/** How many listening TCP sockets of this port there are. */
export function listeningSockets(port: number): number {
  return listeningTargets(port).size;
}

/** How many listening unix sockets were bound under a name that begins like this, whether their files are still there or not (unix(7)). */
export function listeningUnix(beginning: string): number {
  const table = readFileSync('/proc/net/unix', 'latin1').trim().split('\n').slice(1);
  const [LISTENS, FLAGS, PATH] = ['00010000', 3, 7];
  return table.map((row) => row.split(/\s+/)).filter((row) => row[FLAGS] === LISTENS && row[PATH]?.startsWith(beginning)).length;
}

function kindOf(target: string): DescriptorKind {
  if (target.startsWith('socket:')) return 'socket';
  if (target.startsWith('pipe:')) return 'pipe';
  return target.startsWith('anon_inode:') ? 'anon' : 'file';
}

function describe(target: string, tcp: ReadonlyMap<string, TcpSocket>): string {
  const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
  if (inode === undefined) return target;
  const socket = tcp.get(inode);
  return socket === undefined ? `[${inode}]` : `[${inode}] tcp ${socket.address}${socket.listening ? ' listening' : ''}`;
}

function tcpSockets(): TcpSocket[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => {
    const table = ofProcess(() => readFileSync(file, 'latin1')) ?? '';
    return table.trim().split('\n').slice(1).map(readRow);
  });
}

function readRow(row: string): TcpSocket {
  const [, local = '', , state, , , , , , inode = ''] = row.trim().split(/\s+/);
  const [host = '', port = ''] = local.split(':');
  return {
    inode,
    address: `${readHost(host)}:${Number.parseInt(port, 16)}`,
    port: Number.parseInt(port, 16),
    listening: state === LISTENING,
  };
}

/** The table prints IPv4 as one little-endian word; an IPv6 address stays as it is, it only has to differ. */
function readHost(hex: string): string {
  return hex.length === 8
    ? (hex.match(/../g) ?? [])
        .reverse()
        .map((byte) => Number.parseInt(byte, 16))
        .join('.')
    : `[${hex}]`;
}
