/** In the worker: notices, once, that it has served as many requests or become as big as it may (--max-requests, --max-memory). */
import type { Connections } from './connections.js';

/** 0 is no limit. */
export interface Limits {
  readonly requests: number;
  /** Bytes of resident memory. */
  readonly memory: number;
}

export interface SpentListener {
  /** What a log says of the worker: `has served 200 requests (--max-requests)`. */
  spent(why: string): void;
  /** A limit that cannot be kept, and why. */
  pointless(what: string): void;
}

/** Between two looks at the memory, which the kernel has to add up. Milliseconds. */
const LOOK = 1_000;
const MIB = 2 ** 20;

/**
 * Count and look from here on: what loading and the probe took is nobody's leak.
 * @returns ends it
 */
export function watchLimits(connections: Connections, { requests, memory }: Limits, listener: SpentListener): () => void {
  const spent = (why: string): void => {
    end();
    listener.spent(why);
  };
  if (requests > 0) connections.count(requests, () => spent(`has served ${requests} request${requests === 1 ? '' : 's'} (--max-requests)`));
  const look = memory > 0 ? memoryLook(memory, { ...listener, spent }) : undefined;
  const timer = look === undefined ? undefined : setInterval(look, LOOK).unref();
  return end;

  function end(): void {
    connections.count(0, () => {});
    clearInterval(timer);
  }
}

/**
 * One that has too much before its first request would be replaced by one that has too much: only what it gains after that counts.
 * @param limit bytes
 * @param rss resident memory, bytes
 * @returns looks again
 */
export function memoryLook(limit: number, { spent, pointless }: SpentListener, rss = process.memoryUsage.rss): () => void {
  const empty = rss();
  let armed = empty <= limit;
  if (!armed) {
    const what = `--max-memory ${inWords(limit)} is less than the ${inWords(empty)} that this worker has before its first request`;
    pointless(`${what}; it is not recycled for that`);
  }
  return () => {
    const now = rss();
    if (now <= limit) armed = true;
    else if (armed) spent(`has ${inWords(now)} of memory (--max-memory ${inWords(limit)})`);
  };
}

function inWords(bytes: number): string {
  return bytes < MIB ? `${bytes} bytes` : `${Math.round(bytes / MIB)} MiB`;
}
