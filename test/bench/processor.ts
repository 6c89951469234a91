/** Who has used the processors: proc(5), /proc/stat and /proc/PID/stat, which count to a hundredth of a second. */
import { readFileSync } from 'node:fs';
import { ofProcess, pids, stat } from '../support/proc.js';

const TICKS_PER_SECOND = 100;
/** Of /proc/PID/stat, counted from behind the name. */
const [UTIME, CUTIME] = [11, 13] as const;

/** Seconds that it has used so far, all of its threads; 0 when it is gone. */
export function processorTime(pid: number): number {
  return ticks(pid, UTIME) / TICKS_PER_SECOND;
}

/** The same of all children of this process that have ended. */
export function processorTimeOfEnded(): number {
  return ticks(process.pid, CUTIME) / TICKS_PER_SECOND;
}

/** Of one field and the next, the user's and the system's. */
function ticks(pid: number, at: number): number {
  const text = ofProcess(() => readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? '';
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return Number(fields[at] ?? 0) + Number(fields[at + 1] ?? 0);
}

/** The same of everything that lives in a session. */
export function processorTimeOf(session: number): number {
  return pids()
    .filter((pid) => stat(pid)?.session === session)
    .reduce((sum, pid) => sum + processorTime(pid), 0);
}

/** Seconds that this machine's processors have been busy so far, all together. */
export function processorTimeOfAll(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (/^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? '')
    .split(' ')
    .map(Number);
  return (user + nice + system + irq + softirq) / TICKS_PER_SECOND;
}
