/** From USR2 to the first answer of a new worker, beside `node app.js` to its first answer; and what it all weighs. */
import { type FSWatcher, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from '../../support/ask.js';
import { type Holdfast, startHoldfast, type Target } from '../../support/holdfast.js';
import { type Test, tempDir } from '../../support/temp.js';
import type { Bar, Effort, Part, Row } from '../part.js';
import { benchApp } from '../paths.js';
import { inScope } from '../scope.js';
import { ratioOf, spreadOf } from '../statistics.js';
import { freePort, startChild } from '../subjects/subject.js';
import { weigh } from './weight.js';

const WORKERS = [1, 2] as const;
/** How long a start may take, and until V8 has given back what that took. Milliseconds. */
const LIMIT_MS = 30_000;
const SETTLED_MS = 20_000;

/** What is started, as `node FILE` and by Holdfast. It says when it listens. */
interface App {
  readonly label: string;
  readonly file: string;
  readonly goals: Readonly<Record<number, string>>;
}

const APPS: readonly App[] = [
  { label: 'an app of one line', file: 'tells-one-line.mjs', goals: { 1: '1.5', 2: '1.8' } },
  { label: 'an Express app', file: 'tells-express.mjs', goals: {} },
];

/** One app's figures, milliseconds, round by round. */
interface Starts {
  readonly app: App;
  readonly started: ReadonlyMap<number, { readonly holdfast: Holdfast; readonly told: Told }>;
  readonly bare: number[];
  readonly upgrades: ReadonlyMap<number, number[]>;
}

export function measureStartUp({ quick, progress }: Effort): Promise<Part> {
  return inScope(async (t) => {
    const all: Starts[] = [];
    for (const app of APPS) all.push(await begin(t, app));
    const rounds = quick ? 2 : 20;
    for (let round = 1; round <= rounds; round += 1) {
      for (const starts of all) await oneRound(starts);
      const last = all.flatMap(({ bare, upgrades }) => [bare, ...upgrades.values()]).map((figures) => Math.round(figures.at(-1) ?? 0));
      progress(`start-up, round ${round} of ${rounds}: ${last.join(', ')} ms`);
    }
    const weighed = all.flatMap(({ app: { file }, started }) => [...started.values()].map(({ holdfast }) => ({ holdfast, bare: file })));
    const weights = await weigh(weighed, quick ? 1_000 : SETTLED_MS);
    return {
      rows: [
        ...all.flatMap(rowsOf),
        { what: 'RSS of the master over that of an empty Node process', goal: '1.3', measured: weights.master.ratio, unit: '' },
        { what: 'RSS of a worker over that of bare node with the same app', measured: weights.worker.ratio, unit: '' },
      ],
      plots: [{ is: 'bars', name: 'start-up', title: 'To the first answer, milliseconds', unit: 'ms', bars: all.flatMap(barsOf) }],
      versions: {},
      notes: [
        ...all.map(
          ({ app, bare }) =>
            `${app.label}: bare node answered first after ${Math.round(spreadOf(bare).median)} ms; two starts of Node, one after the other, are in every upgrade; the client asks when the app says that it listens, and not before`,
        ),
        `${weights.master.said}; ${weights.worker.said}; each as old as what it is compared with`,
      ],
    };
  });
}

async function begin(t: Test, app: App): Promise<Starts> {
  const started = new Map<number, { holdfast: Holdfast; told: Told }>();
  for (const count of WORKERS) {
    const told = new Told(t);
    const holdfast = await startHoldfast(t, { app: benchApp(app.file), args: ['-w', String(count)], env: { TOLD: told.file } });
    started.set(count, { holdfast, told });
  }
  return { app, started, bare: [], upgrades: new Map(WORKERS.map((count) => [count, []])) };
}

/** In turns, so that what else this machine does falls on all alike. */
async function oneRound({ app, started, bare, upgrades }: Starts): Promise<void> {
  bare.push(await bareStart(app.file));
  for (const [count, { holdfast, told }] of started) upgrades.get(count)?.push(await upgrade(holdfast, told));
}

function rowsOf({ app, bare, upgrades }: Starts): Row[] {
  return [...upgrades].map(([count, figures]) => ({
    what: `USR2 to the first answer of a new worker, over bare node to its first answer; ${app.label}, ${workers(count)}`,
    ...(app.goals[count] === undefined ? {} : { goal: app.goals[count] }),
    measured: ratioOf(figures, bare),
    unit: '',
  }));
}

function barsOf({ app, bare, upgrades }: Starts): Bar[] {
  const ours = [...upgrades].map(([count, figures]) => ({
    label: `USR2, ${workers(count)}: ${app.label}`,
    value: spreadOf(figures),
    ours: true,
  }));
  return [{ label: `node: ${app.label}`, value: spreadOf(bare), ours: false }, ...ours];
}

function workers(count: number): string {
  return `${count} worker${count > 1 ? 's' : ''}`;
}

/** Milliseconds. */
function bareStart(script: string): Promise<number> {
  return inScope(async (t) => {
    const told = new Told(t);
    const target = { host: '127.0.0.1', port: await freePort() };
    const from = performance.now();
    startChild(t, process.execPath, [benchApp(script)], { PORT: String(target.port), TOLD: told.file });
    return (await firstAnswer(target, told, 'hello\n')) - from;
  });
}

async function upgrade(holdfast: Holdfast, told: Told): Promise<number> {
  const { target } = holdfast;
  const next = `${Number((await ask(target)).body) + 1}\n`;
  const [old, after] = [holdfast.pid(), holdfast.log.length];
  const from = performance.now();
  holdfast.signal('SIGUSR2');
  const answeredAt = await firstAnswer(target, told, next);
  await holdfast.event('master.exit', ({ pid }) => pid === old, { after });
  return answeredAt - from;
}

/** When it answered that. Nobody is asked before it listens; from then on, though, the old workers may be quicker to answer. */
async function firstAnswer(target: Target, told: Told, wanted: string): Promise<number> {
  await told.says(wanted);
  while ((await ask(target, '/', LIMIT_MS)).body !== wanted);
  return performance.now();
}

/** A file in which an app says that it listens. inotify(7) */
class Told {
  readonly file: string;
  readonly #watcher: FSWatcher;

  constructor(t: Test) {
    this.file = join(tempDir(t), 'told');
    writeFileSync(this.file, '');
    this.#watcher = watch(this.file);
    t.teardown(() => this.#watcher.close());
  }

  /** Rejects when that has not happened in time. */
  says(wanted: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`nobody listened in ${LIMIT_MS} ms`)), LIMIT_MS);
      const look = () => {
        if (
          !readFileSync(this.file, 'utf8')
            .split(/(?<=\n)/)
            .includes(wanted)
        )
          return;
        clearTimeout(limit);
        this.#watcher.off('change', look);
        resolve();
      };
      this.#watcher.on('change', look);
      look();
    });
  }
}
