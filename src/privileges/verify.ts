/** What the kernel says about who a process is (any role). */
import { readdirSync, readFileSync } from 'node:fs';
import { codeOf } from './errno.js';
import { type Identity, ordered, refusal } from './identity.js';

type Status = ReadonlyMap<string, string>;

const CAPABILITIES = ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'];

/**
 * That nothing but this identity is left: real, effective, saved and file system ids, supplementary groups and, unless it is root, every
 * capability, of each thread; and that there is no way back.
 *
 * @throws HoldfastError, exit 1, with what is left. proc(5), /proc/PID/task/TID/status; elsewhere than on Linux getuid(2) and its likes
 */
export function verify(identity: Identity): void {
  const left = process.platform === 'linux' ? leftInThreads(identity) : leftByCalls(identity);
  if (left.length === 0) left.push(...waysBack(identity));
  if (left.length > 0) throw refusal(identity.label, `${[...new Set(left)].join(', ')} would be left`);
}

/** Whether this process has all of these capabilities in effect; root has, where there are none. capabilities(7). */
export function hasCapabilities(wanted: bigint): boolean {
  if (process.platform !== 'linux') return process.geteuid?.() === 0;
  const effective = parse(readFileSync('/proc/self/status', 'latin1')).get('CapEff');
  return (BigInt(`0x${effective ?? '0'}`) & wanted) === wanted;
}

function leftInThreads(identity: Identity): string[] {
  return readdirSync('/proc/self/task').flatMap((thread) => {
    const status = statusOf(thread);
    return status === undefined ? [] : leftIn(status, identity);
  });
}

/** Undefined for a thread that has ended meanwhile. */
function statusOf(thread: string): Status | undefined {
  try {
    return parse(readFileSync(`/proc/self/task/${thread}/status`, 'latin1'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH') return undefined;
    throw error;
  }
}

function parse(text: string): Status {
  return new Map(text.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
}

function leftIn(status: Status, { uid, gid, groups }: Identity): string[] {
  const numbers = (field: string) => (status.get(field) ?? '?').split(/\s+/).filter(Boolean).map(Number);
  const left: string[] = [];
  if (numbers('Uid').some((id) => id !== uid)) left.push(`uid ${numbers('Uid').join('/')}`);
  if (numbers('Gid').some((id) => id !== gid)) left.push(`gid ${numbers('Gid').join('/')}`);
  if (ordered([...numbers('Groups'), gid]).join() !== groups.join()) left.push(`groups ${numbers('Groups').join(' ') || 'none'}`);
  const held = CAPABILITIES.filter((set) => !/^0+$/.test(status.get(set) ?? '?'));
  return uid === 0 ? left : [...left, ...held.map((set) => `${set} ${status.get(set)}`)];
}

function leftByCalls({ uid, gid, groups }: Identity): string[] {
  const left: string[] = [];
  if (process.getuid?.() !== uid || process.geteuid?.() !== uid) left.push(`uid ${process.getuid?.()}/${process.geteuid?.()}`);
  if (process.getgid?.() !== gid || process.getegid?.() !== gid) left.push(`gid ${process.getgid?.()}/${process.getegid?.()}`);
  if (ordered([...(process.getgroups?.() ?? []), gid]).join() !== groups.join()) left.push(`groups ${process.getgroups?.().join(' ')}`);
  return left;
}

/** Each must fail: the kernel says so itself, whatever this file has read. */
function waysBack({ uid, gid }: Identity): string[] {
  if (uid === 0) return [];
  const tries: [string, () => void][] = [
    ['setuid(0)', () => process.setuid?.(0)],
    ['seteuid(0)', () => process.seteuid?.(0)],
    ['setgroups()', () => process.setgroups?.([0])],
  ];
  if (gid !== 0) tries.push(['setgid(0)', () => process.setgid?.(0)], ['setegid(0)', () => process.setegid?.(0)]);
  return tries.filter(([, attempt]) => succeeds(attempt)).map(([name]) => `the right to ${name}`);
}

function succeeds(attempt: () => void): boolean {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
}
