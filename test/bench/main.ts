/**
 * `npm run bench`: measures one part after the other and writes docs/benchmarks.md with its plots. Each part is kept when it is done.
 *
 *     npm run bench                        everything
 *     npm run bench -- --resume            what is not measured yet, or was measured with other code
 *     npm run bench -- --only loss,gap     these parts anew
 *     npm run bench -- --quick             a smoke run, into .bench/quick
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { busyness, machine } from './machine.js';
import type { Effort, Part } from './part.js';
import { measureGap } from './parts/gap.js';
import { measureLoss } from './parts/loss.js';
import { measureScaling } from './parts/scaling.js';
import { measureStartUp } from './parts/start-up.js';
import { measureThroughput } from './parts/throughput.js';
import { fromTop } from './paths.js';
import { svgOf } from './plot.js';
import { report } from './report.js';
import { tearDownOnSignals } from './scope.js';

const PARTS = {
  throughput: measureThroughput,
  'start-up': measureStartUp,
  gap: measureGap,
  scaling: measureScaling,
  loss: measureLoss,
} as const satisfies Record<string, (effort: Effort) => Promise<Part>>;
type Name = keyof typeof PARTS;

/** A part with what it was measured of. */
interface Kept {
  readonly code: string;
  readonly part: Part;
}

const { quick, resume, only } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, resume: { type: 'boolean', default: false }, only: { type: 'string' } },
}).values;
const place = fromTop(quick ? '.bench/quick' : '.bench');
const code = execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=12'], { cwd: fromTop('.'), encoding: 'utf8' }).trim();
const load = busyness();
const wanted = only?.split(',') ?? Object.keys(PARTS);

const stranger = wanted.find((name) => !Object.hasOwn(PARTS, name));
if (stranger !== undefined) throw new Error(`there is no part "${stranger}"; there are ${Object.keys(PARTS).join(', ')}`);
tearDownOnSignals();
mkdirSync(place, { recursive: true });
for (const name of Object.keys(PARTS) as Name[]) if (wanted.includes(name) && !(resume && kept(name)?.code === code)) await measure(name);
write();

async function measure(name: Name): Promise<void> {
  const from = performance.now();
  const progress = (what: string) => console.error(`  ${what}`);
  console.error(`${name} ...`);
  const part = await PARTS[name]({ quick, progress }).catch((error: unknown) => {
    console.error(`${name} failed, and what there was before stays:`, error);
    process.exitCode = 1;
  });
  if (part === undefined) return;
  writeFileSync(fileOf(name), JSON.stringify({ code, part } satisfies Kept, null, 2));
  for (const note of part.notes) progress(note);
  console.error(`${name}: ${Math.round((performance.now() - from) / 1_000)} s`);
}

function kept(name: Name): Kept | undefined {
  return existsSync(fileOf(name)) ? (JSON.parse(readFileSync(fileOf(name), 'utf8')) as Kept) : undefined;
}

function fileOf(name: Name): string {
  return join(place, `${name}.json`);
}

/** From all parts that there are, this run's or an earlier one's. */
function write(): void {
  const docs = quick ? place : fromTop('docs');
  const parts = (Object.keys(PARTS) as Name[]).flatMap((name) => kept(name)?.part ?? []);
  const head = { date: new Date().toISOString().slice(0, 10), machine: machine(), quick, busyness: load };
  for (const plot of parts.flatMap((part) => part.plots)) writeFileSync(join(docs, `benchmarks-${plot.name}.svg`), svgOf(plot));
  writeFileSync(join(docs, 'benchmarks.md'), report(parts, head));
  console.error(`written: ${join(docs, 'benchmarks.md')}`);
}
