/** What more workers and more listeners cost: descriptors, memory, and the time to stop. Linear is what it should be. */
import { setTimeout as pause } from 'node:timers/promises';
import { descriptors } from '../../support/descriptors.js';
import { startHoldfast } from '../../support/holdfast.js';
import { rss } from '../../support/proc.js';
import type { Effort, Line, Part } from '../part.js';
import { benchApp } from '../paths.js';
import { inScope } from '../scope.js';

const SETTLED_MS = 2_000;
const MIB = 1024 * 1024;

interface Measure {
  readonly descriptors: number;
  readonly memory: number;
  readonly stop: number;
}

const MEASURES = {
  descriptors: 'descriptors of the master',
  memory: 'memory of the master, MiB',
  stop: 'time to stop, ms',
} as const satisfies Record<keyof Measure, string>;

const SERIES = {
  workers: { counts: [1, 8, 64], quick: [1, 2, 4], args: (count: number) => ['-w', String(count), '-b', '127.0.0.1:0'] },
  listeners: { counts: [1, 100, 1_000], quick: [1, 10, 20], args: (count: number) => ['-w', '1', ...addresses(count)] },
} as const;

export async function measureScaling(effort: Effort): Promise<Part> {
  const plots: Part['plots'][number][] = [];
  for (const [name, { counts, quick, args }] of Object.entries(SERIES)) {
    const measured = new Map<number, Measure>();
    for (const count of effort.quick ? quick : counts) {
      measured.set(count, await measure(args(count), effort.quick ? 0 : SETTLED_MS));
      effort.progress(`${count} ${name}: ${JSON.stringify(measured.get(count))}`);
    }
    const lines = (Object.keys(MEASURES) as (keyof Measure)[]).map((key) => lineOf(MEASURES[key], measured, key));
    plots.push({ is: 'lines', name: `scaling-${name}`, title: `What more ${name} cost`, x: name, lines });
  }
  return { rows: [], plots, versions: {}, notes: [] };
}

/** One address each, so that none is a repetition of another. */
function addresses(count: number): string[] {
  return Array.from({ length: count }, (_, n) => ['-b', `127.1.${Math.floor(n / 250)}.${1 + (n % 250)}:0`]).flat();
}

function measure(args: readonly string[], settleMs: number): Promise<Measure> {
  return inScope(async (t) => {
    const holdfast = await startHoldfast(t, { app: benchApp('generation.mjs'), args: [...args], untilReady: false, stopMs: 60_000 });
    await holdfast.event('master.ready', undefined, { timeoutMs: 120_000 });
    await pause(settleMs);
    const [count, memory] = [descriptors(holdfast.pid()).count, rss(holdfast.pid()) / MIB];
    const from = performance.now();
    await holdfast.stop();
    return { descriptors: count, memory, stop: performance.now() - from };
  });
}

function lineOf(label: string, measured: ReadonlyMap<number, Measure>, key: keyof Measure): Line {
  return { label, points: [...measured].map(([x, measure]) => ({ x, y: measure[key] })) };
}
