/** Requests in a second, by wrk: one thread of C, which takes less of a processor than any of the servers, and says how much. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Target } from '../support/holdfast.js';
import { bareEnvironment, which } from './command.js';

export type Connections = 'keep-alive' | 'per request';

export interface Throughput {
  readonly perSecond: number;
  /** The part of a processor that wrk itself took. */
  readonly busy: number;
}

const CLIENTS = 32;
const TICKS_PER_SECOND = 100;

export function missingWrk(): string | undefined {
  return which('wrk') === undefined ? 'wrk is not installed (apt-get install wrk)' : undefined;
}

/** @throws Error when a request failed */
export async function throughput({ host, port }: Target, connections: Connections, seconds: number): Promise<Throughput> {
  const header = connections === 'keep-alive' ? [] : ['-H', 'Connection: close'];
  const args = ['-t1', `-c${CLIENTS}`, `-d${seconds}s`, ...header, `http://${host}:${port}/`];
  const child = spawn(which('wrk') ?? 'wrk', args, { env: bareEnvironment(), stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  const ended = once(child, 'close');
  await pause(seconds * 800);
  const busy = processorTime(child.pid ?? 0) / (seconds * 0.8);
  await ended;
  const perSecond = Number(/^Requests\/sec:\s+([\d.]+)/m.exec(text)?.[1]);
  if (!(perSecond > 0) || /Non-2xx|connect [1-9]|write [1-9]|timeout [1-9]/.test(text)) throw new Error(`wrk ${args.join(' ')}:\n${text}`);
  return { perSecond, busy };
}

/** Seconds that it has used so far: proc(5), /proc/PID/stat, utime and stime. */
function processorTime(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
