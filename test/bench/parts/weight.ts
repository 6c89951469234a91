/** What a master weighs beside an empty Node, and a worker beside bare Node with the same app. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Holdfast } from '../../support/holdfast.js';
import { rss } from '../../support/proc.js';
import { benchApp } from '../paths.js';
import { inScope } from '../scope.js';
import { ratioOf, type Spread, spreadOf } from '../statistics.js';
import { REPLACE_MS, startChild } from '../subjects/subject.js';

/** What V8 allocates at a start, it has given back by then; not yet after 3 s, when nobody has asked for anything. */
const SETTLED_MS = 10_000;
const MIB = 1024 * 1024;

export interface Weight {
  readonly ratio: Spread;
  /** The same in MiB, and what of it no other process has. */
  readonly said: string;
}

interface Look {
  readonly resident: number;
  readonly own: number;
}

/** An upgrade before each look: a new master and a new worker, no older than what was started beside them. */
export async function weigh(holdfast: Holdfast | undefined, times: number): Promise<{ master: Weight; worker: Weight }> {
  if (holdfast === undefined) throw new Error('nothing was started');
  const looks: Look[][] = [];
  for (let time = 0; time < times; time += 1) looks.push(await look(holdfast));
  const of = (index: number) => looks.map((each) => each[index] ?? { resident: Number.NaN, own: Number.NaN });
  return { master: weight('the master', of(0), 'an empty Node', of(1)), worker: weight('a worker', of(2), 'bare node', of(3)) };
}

/** The master, an empty Node, the worker, bare Node. */
function look(holdfast: Holdfast): Promise<Look[]> {
  return inScope(async (t) => {
    const { event, reason } = await holdfast.upgrade({ timeoutMs: REPLACE_MS });
    if (event !== 'upgrade.done') throw new Error(`the upgrade was rolled back: ${reason}`);
    const empty = startChild(t, process.execPath, ['-e', 'setInterval(() => {}, 1e9)']);
    const bare = startChild(t, process.execPath, [benchApp('bare.mjs')], { PORT: '0' });
    await pause(SETTLED_MS);
    return [holdfast.pid(), empty.pid, holdfast.workers().at(-1)?.pid, bare.pid].map(lookAt);
  });
}

function lookAt(pid = 0): Look {
  return { resident: rss(pid), own: own(pid) };
}

/** Bytes that go when it goes: proc_pid_smaps(5), Private_*. */
function own(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  return [...text.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].reduce((sum, [, kib]) => sum + Number(kib) * 1024, 0);
}

function weight(name: string, looks: readonly Look[], beside: string, others: readonly Look[]): Weight {
  const mib = (all: readonly Look[], key: keyof Look) => (spreadOf(all.map((each) => each[key])).median / MIB).toFixed(1);
  const resident = (all: readonly Look[]) => all.map((each) => each.resident);
  return {
    ratio: ratioOf(resident(looks), resident(others)),
    said: `${name}: ${mib(looks, 'resident')} MiB, ${mib(looks, 'own')} of them its own, beside ${mib(others, 'resident')} and ${mib(others, 'own')} of ${beside}`,
  };
}
