// Who accepts, in snapshots of a whole tree: two equal looks at everybody say that nothing changed between them. A booting worker, and a master,
// hold the listener too; only who accepts waits for it. All the time; accepting.ts looks now and then.
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { listeningTargets, waitsFor } from './descriptors.js';
import { MARK } from './marked.js';
import { descriptorLinks, ofProcess, pids } from './proc.js';
import type { Test } from './temp.js';

export interface SnapshotReport {
  /** Moments at which all of the tree was seen at once. */
  readonly snapshots: number;
  /** The fewest processes that accepted at any of them, and who held the socket then: `4711 accepts, 4712 waits`. */
  readonly least: number;
  readonly leastWho: string;
  /** Everybody who ever accepted. */
  readonly pids: readonly number[];
}

export interface SnapshotWatch {
  /** Resolves when so many processes accept; fails after 20 s. */
  until(count: number): Promise<void>;
  stop(): Promise<SnapshotReport>;
}

/** A worker waits, accepts, and lets go, in this order, and each once: so two equal looks say that nothing changed between them. */
type Part = 'waits' | 'accepts';
type Look = ReadonlyMap<number, Part>;

const UNTIL_MS = 20_000;

/** Looks all the time at the processes that carry `mark`, and at the listening TCP sockets that have this port now. */
export function takeSnapshots(t: Test, mark: string, port: number): SnapshotWatch {
  const targets = listeningTargets(port);
  const marked = new Map<number, boolean>();
  const seen = new Set<number>();
  let snapshots = 0;
  let least = Number.POSITIVE_INFINITY;
  let leastWho = '';
  let now = 0;
  let stopped = false;
  const take = (look: Look) => {
    const who = [...look].filter(([, part]) => part === 'accepts').map(([pid]) => pid);
    for (const pid of who) seen.add(pid);
    snapshots += 1;
    now = who.length;
    if (now >= least) return;
    least = now;
    leastWho = [...look].map(([pid, part]) => `${pid} ${part}`).join(', ');
  };
  const run = async () => {
    for (let last = lookAt(mark, targets, marked); !stopped; await pause(1)) {
      const next = lookAt(mark, targets, marked);
      if (equal(last, next)) take(next);
      last = next;
    }
  };
  const ran = run();
  const stop = async () => {
    stopped = true;
    await ran;
    return { snapshots, least, leastWho, pids: [...seen] };
  };
  t.teardown(() => void stop());
  return { stop, until: (count) => until(() => now >= count, `${count} processes that accept`) };
}

async function until(reached: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + UNTIL_MS;
  for (; !reached(); await pause(5)) if (performance.now() > deadline) throw new Error(`waited ${UNTIL_MS} ms for ${what}`);
}

function lookAt(mark: string, targets: ReadonlySet<string>, marked: Map<number, boolean>): Look {
  const look = new Map<number, Part>();
  for (const pid of pids().filter((one) => carries(one, mark, marked))) {
    if (waitsFor(pid, targets)) look.set(pid, 'accepts');
    else if (descriptorLinks(pid).some(({ target }) => targets.has(target))) look.set(pid, 'waits');
  }
  return look;
}

/** Whoever is forked has its parent's environment before its exec, its own after it, and none in between: only what was read is kept. */
function carries(pid: number, mark: string, known: Map<number, boolean>): boolean {
  const before = known.get(pid);
  if (before !== undefined) return before;
  const environment = ofProcess(() => readFileSync(`/proc/${pid}/environ`, 'latin1')) ?? '';
  const is = pid !== process.pid && environment.includes(`${MARK}=${mark}\0`);
  if (environment !== '') known.set(pid, is);
  return is;
}

function equal(a: Look, b: Look): boolean {
  return a.size === b.size && [...a].every(([pid, part]) => b.get(pid) === part);
}
