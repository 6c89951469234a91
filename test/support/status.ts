// Who a process is, by the kernel's word: proc(5), /proc/PID/status.
import { readdirSync, readFileSync } from 'node:fs';
import { ofProcess } from './proc.js';

const FIELDS = ['Uid', 'Gid', 'Groups', 'CapInh', 'CapPrm', 'CapEff', 'CapAmb', 'NoNewPrivs'] as const;
export type Standing = Readonly<Record<(typeof FIELDS)[number], string>>;

/** Of each thread: of those that have ended meanwhile there is none. */
export function standings(pid: number): Standing[] {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/status`);
  return threads.flatMap((path) => {
    const text = ofProcess(() => readFileSync(path, 'latin1'));
    return text === undefined ? [] : [parse(text)];
  });
}

/** Of a process whose threads are all alike; throws when they are not. */
export function standing(pid: number): Standing {
  const [first, ...others] = standings(pid);
  if (first === undefined) throw new Error(`there is no process ${pid}`);
  for (const other of others)
    if (JSON.stringify(other) !== JSON.stringify(first)) throw new Error(`threads of ${pid} differ: ${JSON.stringify([first, other])}`);
  return first;
}

function parse(text: string): Standing {
  const value = (field: string) => (new RegExp(`^${field}:(.*)$`, 'm').exec(text)?.[1] ?? '?').trim().replaceAll(/\s+/g, ' ');
  return Object.fromEntries(FIELDS.map((field) => [field, value(field)])) as Standing;
}
