/** What a master weighs beside an empty Node, and a worker beside bare Node with the same app. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Holdfast } from '../../support/holdfast.js';
import { rss } from '../../support/proc.js';
import { benchApp } from '../paths.js';
import { inScope } from '../scope.js';
import { ratioOf, type Spread, spreadOf } from '../statistics.js';
import { REPLACE_MS, startChild } from '../subjects/subject.js';

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

export interface Weighed {
  readonly holdfast: Holdfast;
  /** The same app as `node FILE`. */
  readonly bare: string;
}

/**
 * Each is upgraded first, so that masters and workers are no older than what is started beside them.
 * @param settleMs milliseconds until V8 has given back what it allocates at a start: 10 s are enough for some, 20 for all
 */
export function weigh(all: readonly Weighed[], settleMs: number): Promise<{ master: Weight; worker: Weight }> {
  return inScope(async (t) => {
    for (const { holdfast } of all) await renew(holdfast);
    const beside = all.map(({ bare }) => [
      startChild(t, process.execPath, ['-e', 'setInterval(() => {}, 1e9)']).pid,
      startChild(t, process.execPath, [benchApp(bare)], { PORT: '0', TOLD: '/dev/null' }).pid,
    ]);
    await pause(settleMs);
    const [empty, bare] = [0, 1].map((at) => beside.map((pids) => lookAt(pids[at])));
    const master = all.map(({ holdfast }) => lookAt(holdfast.pid()));
    const worker = all.map(({ holdfast }) => lookAt(holdfast.workers().at(-1)?.pid));
    return {
      master: weight('a master', master, 'an empty Node', empty ?? []),
      worker: weight('a worker', worker, 'bare node', bare ?? []),
    };
  });
}

async function renew(holdfast: Holdfast): Promise<void> {
  const { event, reason } = await holdfast.upgrade({ timeoutMs: REPLACE_MS });
  if (event !== 'upgrade.done') throw new Error(`the upgrade was rolled back: ${reason}`);
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
