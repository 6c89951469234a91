/** From USR2 to the first answer of a new worker, beside `node app.js` to its first answer; and what a master weighs beside an idle Node. */
import { setTimeout as pause } from 'node:timers/promises';
import { ask } from '../../support/ask.js';
import { type Holdfast, startHoldfast, type Target } from '../../support/holdfast.js';
import { rss } from '../../support/proc.js';
import type { Test } from '../../support/temp.js';
import type { Effort, Part } from '../part.js';
import { benchApp } from '../paths.js';
import { inScope } from '../scope.js';
import { ratioOf, spreadOf } from '../statistics.js';
import { freePort, startChild } from '../subjects/subject.js';

const WORKERS = [1, 2] as const;
const GOALS = { 1: '1.5', 2: '1.8' } as const;
const POLL_MS = 1;
/** What V8 allocates at a start, it has given back by then. */
const SETTLED_MS = 3_000;

export function measureStartUp({ quick, progress }: Effort): Promise<Part> {
  return inScope(async (t) => {
    const started = new Map<number, Holdfast>();
    for (const count of WORKERS)
      started.set(count, await startHoldfast(t, { app: benchApp('generation.mjs'), args: ['-w', String(count)] }));
    const [bare, upgrades] = [[] as number[], new Map<number, number[]>(WORKERS.map((count) => [count, []]))];
    const rounds = quick ? 2 : 20;
    for (let round = 1; round <= rounds; round += 1) {
      bare.push(await bareStart());
      for (const [count, holdfast] of started) upgrades.get(count)?.push(await upgrade(holdfast));
      progress(
        `start-up, round ${round} of ${rounds}: ${[bare, ...upgrades.values()].map((all) => Math.round(all.at(-1) ?? 0)).join(', ')} ms`,
      );
    }
    const first = started.get(1) as Holdfast;
    const weights = await weigh(t, () => first.pid(), quick ? 1 : 5);
    const name = (count: number) =>
      `USR2 to the first answer of a new worker, over bare node to its first answer; ${count} worker${count > 1 ? 's' : ''}`;
    const ratios = WORKERS.map((count) => ({ count, ratio: ratioOf(upgrades.get(count) ?? [], bare) }));
    return {
      rows: [
        ...ratios.map(({ count, ratio }) => ({ what: name(count), goal: GOALS[count], measured: ratio, unit: '' })),
        { what: 'RSS of the master over that of an empty Node process', goal: '1.3', measured: weights, unit: '' },
      ],
      plots: [
        {
          is: 'bars',
          name: 'start-up',
          title: 'To the first answer, milliseconds',
          unit: 'ms',
          bars: [
            { label: 'node app.js', value: spreadOf(bare), ours: false },
            ...WORKERS.map((count) => ({
              label: `USR2, ${count} worker${count > 1 ? 's' : ''}`,
              value: spreadOf(upgrades.get(count) ?? []),
              ours: true,
            })),
          ],
        },
      ],
      versions: {},
      notes: [
        `bare node answered first after ${Math.round(spreadOf(bare).median)} ms; two starts of Node, one after the other, are in every upgrade`,
      ],
    };
  });
}

/** Milliseconds. */
function bareStart(): Promise<number> {
  return inScope(async (t) => {
    const target = { host: '127.0.0.1', port: await freePort() };
    const from = performance.now();
    startChild(t, process.execPath, [benchApp('bare.mjs')], { PORT: String(target.port) });
    return (await until(target, (body) => body !== '')) - from;
  });
}

async function upgrade(holdfast: Holdfast): Promise<number> {
  const { target } = holdfast;
  const before = (await ask(target)).body;
  const [old, after] = [holdfast.pid(), holdfast.log.length];
  const from = performance.now();
  holdfast.signal('SIGUSR2');
  const answeredAt = await until(target, (body) => body !== '' && body !== before);
  await holdfast.event('master.exit', ({ pid }) => pid === old, { after });
  return answeredAt - from;
}

/** When somebody answered what was waited for. */
async function until(target: Target, wanted: (body: string) => boolean): Promise<number> {
  for (;;) {
    const body = await ask(target, '/', 10_000).then(
      (answer) => answer.body,
      () => '',
    );
    if (wanted(body)) return performance.now();
    await pause(POLL_MS);
  }
}

/** The master's RSS by that of a Node process that was started beside it and does nothing. */
async function weigh(t: Test, master: () => number, times: number) {
  const ratios: number[] = [];
  for (let time = 0; time < times; time += 1) {
    const empty = startChild(t, process.execPath, ['-e', 'setInterval(() => {}, 1e9)']);
    await pause(SETTLED_MS);
    ratios.push(rss(master()) / rss(empty.pid ?? 0));
  }
  return spreadOf(ratios);
}
