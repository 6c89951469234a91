import { connect } from 'node:net';
import type { Plain } from './load/index.js';
import type { Test } from './temp.js';

export interface RefusedProbe {
  /** Ends it. */
  stop(): Promise<RefusedReport>;
}

export interface RefusedReport {
  readonly attempts: number;
  readonly refused: number;
  /** Other errors, by their code. */
  readonly others: Readonly<Record<string, number>>;
}

/** Connects and hangs up, one attempt after the other, and counts ECONNREFUSED (for a unix socket also a missing path). */
export function probeRefused(t: Test, target: Plain, pauseMs = 1): RefusedProbe {
  const counts = { attempts: 0, refused: 0, others: {} as Record<string, number> };
  let stopped = false;
  const attempt = async () => {
    const code = await connectOnce(target);
    counts.attempts += 1;
    if (code === 'ECONNREFUSED' || code === 'ENOENT') counts.refused += 1;
    else if (code !== undefined) counts.others[code] = (counts.others[code] ?? 0) + 1;
  };
  const run = async () => {
    while (!stopped) {
      await attempt();
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  const ran = run();
  const stop = async () => {
    stopped = true;
    await ran;
    return counts;
  };
  t.teardown(() => void stop());
  return { stop };
}

/** The error's code, or undefined when it went well. */
function connectOnce(target: Plain): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ ...target });
    socket.once('connect', () => {
      socket.end();
      // Not destroyed at once: the peer would find a reset in its queue. It ends with the peer's own end.
      socket.resume();
      resolve(undefined);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}
