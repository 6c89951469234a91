/** Process groups (any master). There is no system call that tells a group of zombies from one of the living. */
import { readdirSync, readFileSync } from 'node:fs';
import { check, declare } from './libc.js';

const setpgid = declare('int setpgid(int pid, int group)');

/** Become the leader of a new process group of this session. Does nothing for who leads one already. Throws EPERM for the leader of the session. setpgid(2). */
export function newGroup(): void {
  check(setpgid(0, 0), 'setpgid');
}

/** True while a process of one of these groups lives. proc(5), /proc/PID/stat; elsewhere kill(2), for which a zombie lives. */
export function anyAlive(groups: readonly number[]): boolean {
  return process.platform === 'linux' ? members(groups).length > 0 : groups.some(answers);
}

/** SIGKILL to every process of the group, stopped ones included. A group that is gone is no error. kill(2). */
export function killGroup(group: number): void {
  // kill(2): -1 would be everybody, and 0 ourselves.
  if (!Number.isSafeInteger(group) || group <= 1) throw new RangeError(`there is no process group ${group}`);
  killProcess(-group);
}

/** SIGKILL. A process that is gone is no error. kill(2). */
export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function members(groups: readonly number[]): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && belongs(name, groups));
}

function belongs(pid: string, groups: readonly number[]): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may contain anything, so the fields are counted from behind it: state, parent, group.
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state !== 'Z' && state !== 'X' && groups.includes(Number(group));
  } catch {
    return false;
  }
}

function answers(group: number): boolean {
  try {
    return process.kill(-group, 0);
  } catch {
    return false;
  }
}
