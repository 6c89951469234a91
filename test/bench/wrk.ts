/** Requests in a second, by wrk: one thread of C, which takes less of a processor than any of the servers, and says how much. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Target } from '../support/holdfast.js';
import { bareEnvironment, which } from './command.js';
import { processorTimeOfEnded } from './processor.js';

export type Connections = 'keep-alive' | 'per request';

export interface Throughput {
  readonly perSecond: number;
  readonly requests: number;
  /** Of the processors, that wrk itself took. Seconds. */
  readonly client: number;
  readonly elapsed: number;
}

const CLIENTS = 64;

export function missingWrk(): string | undefined {
  return which('wrk') === undefined ? 'wrk is not installed (apt-get install wrk)' : undefined;
}

/** @throws Error when a request failed */
export async function throughput({ host, port }: Target, connections: Connections, seconds: number): Promise<Throughput> {
  const header = connections === 'keep-alive' ? [] : ['-H', 'Connection: close'];
  const args = ['-t1', `-c${CLIENTS}`, `-d${seconds}s`, ...header, `http://${host}:${port}/`];
  const [from, before] = [performance.now(), processorTimeOfEnded()];
  // In a session of its own, as what it asks is: the kernel divides the processors between sessions first, and nothing else may stand beside it.
  const child = spawn(which('wrk') ?? 'wrk', args, { env: bareEnvironment(), stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  await once(child, 'close');
  const elapsed = (performance.now() - from) / 1_000;
  const [perSecond, requests] = [/^Requests\/sec:\s+([\d.]+)/m, /(\d+) requests in/].map((pattern) => Number(pattern.exec(text)?.[1]));
  if (!(perSecond !== undefined && perSecond > 0) || requests === undefined || /Non-2xx|(connect|read|write|timeout) [1-9]/.test(text))
    throw new Error(`wrk ${args.join(' ')}:\n${text}`);
  return { perSecond, requests, client: processorTimeOfEnded() - before, elapsed };
}
