// What the kernel says about processes, read from /proc (proc(5)).
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { waitFor } from './wait.js';

export interface Stat {
  readonly pid: number;
  readonly ppid: number;
  /** One letter of proc(5): R S D T t Z X ... */
  readonly state: string;
  /** Of its process group, of its session; and of the terminal that controls it, 0 when there is none. */
  readonly group: number;
  readonly session: number;
  readonly terminal: number;
  /** In clock ticks since boot; tells a process from a later one that got the same pid. */
  readonly startTime: number;
}

/** Whatever `read` reads of a process, or undefined once it is gone or is not ours to see. */
export function ofProcess<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** /proc/PID/stat, or undefined when there is no such process. A zombie still has one. */
export function stat(pid: number): Stat | undefined {
  const text = ofProcess(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (text === undefined) return undefined;
  // The name stands in parentheses and may itself hold blanks and parentheses: count from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [ppid = NaN, group = NaN, session = NaN, terminal = NaN] = fields.slice(1).map(Number);
  return { pid, state: fields[0] ?? '?', ppid, group, session, terminal, startTime: Number(fields[19]) };
}

/**
 * The session that a process is in.
 * @throws Error when the process is gone
 */
export function sessionOf(pid: number): number {
  const found = stat(pid);
  if (found === undefined) throw new Error(`cannot find the session of ${pid}: it has ended`);
  return found.session;
}

/** Whether a process runs (or is stopped); zombies are dead, although kill(pid, 0) finds them. */
export function isAlive(pid: number): boolean {
  const found = stat(pid);
  return found !== undefined && found.state !== 'Z' && found.state !== 'X';
}

/** Whether all of its threads have let go of what they held: the first may be a zombie while another still has the descriptors. */
export function hasLetGo(pid: number): boolean {
  return !isAlive(pid) && (ofProcess(() => readdirSync(`/proc/${pid}/task`))?.length ?? 0) < 2;
}

/** @param ms how long to wait, milliseconds */
export async function waitGone(pid: number, ms: number): Promise<void> {
  await waitFor(
    () => !isAlive(pid),
    ms,
    () => `the end of ${pid} (${commandLine(pid)})`,
  );
}

/** Every pid there is. */
export function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The live children of a process. */
export function children(pid: number): number[] {
  return pids().filter((child) => stat(child)?.ppid === pid && isAlive(child));
}

/** Everything below a process that has ended and that nobody has waited for. */
export function zombiesBelow(pid: number): Stat[] {
  const all = pids().flatMap((one) => stat(one) ?? []);
  const below = (parent: number): Stat[] => all.filter(({ ppid }) => ppid === parent).flatMap((child) => [child, ...below(child.pid)]);
  return below(pid).filter(({ state }) => state === 'Z');
}

/** The command line as ps shows it, the title once a process has set one. */
export function commandLine(pid: number): string {
  return (ofProcess(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '').replaceAll('\0', ' ').trim();
}

/** The environment that a process was started with; later changes do not show. */
export function environmentOf(pid: number): Map<string, string> {
  const text = ofProcess(() => readFileSync(`/proc/${pid}/environ`, 'utf8')) ?? '';
  const pairs = text.split('\0').filter((entry) => entry.includes('='));
  return new Map(pairs.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
}

/**
 * Resident memory, bytes.
 * @throws Error when the process is gone
 */
export function rss(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  if (kib === undefined) throw new Error(`cannot read the memory of ${pid}: it has ended`);
  return Number(kib) * 1024;
}

/** The signals that wait for a process, as a set of bits; 0 when it is gone. */
export function pendingSignals(pid: number): bigint {
  return signalSet(pid, 'ShdPnd');
}

/** The signals that a process handles, as a set of bits; 0 when it is gone. */
export function caughtSignals(pid: number): bigint {
  return signalSet(pid, 'SigCgt');
}

/** proc_pid_status(5): signal N is bit N - 1. */
function signalSet(pid: number, field: 'ShdPnd' | 'SigCgt'): bigint {
  const text = ofProcess(() => readFileSync(`/proc/${pid}/status`, 'latin1')) ?? '';
  const hex = new RegExp(`^${field}:\\s+([0-9a-f]+)$`, 'm').exec(text)?.[1];
  return BigInt(`0x${hex ?? 0}`);
}

/**
 * How often the main thread has waited for something and got it, since its start: proc(5), voluntary_ctxt_switches.
 * @throws Error when the process is gone
 */
export function wakeUps(pid: number): number {
  const count = /^voluntary_ctxt_switches:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  if (count === undefined) throw new Error(`cannot count the wake-ups of ${pid}: it has ended`);
  return Number(count);
}

/** The descriptor's number and where it leads, for each descriptor of a process; [] when it is gone. */
export function descriptorLinks(pid: number): { fd: number; target: string }[] {
  const names = ofProcess(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  return names.flatMap((name) => {
    const target = ofProcess(() => readlinkSync(`/proc/${pid}/fd/${name}`));
    return target === undefined ? [] : [{ fd: Number(name), target }];
  });
}
