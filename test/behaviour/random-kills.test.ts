// A seeded killer: in each round a random party of an upgrade under load is killed or stopped for a while, at a random moment. HOLDFAST_KILL_SEED and _ROUNDS repeat it.
import { readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { descriptors } from '../support/descriptors.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { startLoad } from '../support/load/index.js';
import type { MarkedProcess } from '../support/marked.js';
import { probeRefused } from '../support/probe-refused.js';
import { ofProcess } from '../support/proc.js';
import { waitFor } from '../support/wait.js';

const WORKERS = 2;
const ROUNDS = Number(process.env['HOLDFAST_KILL_ROUNDS'] ?? 8);
const SEED = Number(process.env['HOLDFAST_KILL_SEED'] ?? Math.floor(Math.random() * 1e9));
/** Milliseconds from USR2 to the blow: to when an upgrade is over on a busy machine. */
const LATEST = 800;
const parties = ['old worker', 'new worker', 'candidate', 'incumbent'] as const;

type Party = (typeof parties)[number];

/** The minimal standard generator of Park and Miller. */
function random(seed: number): () => number {
  let state = (seed % 0x7ffffffe) + 1;
  return () => {
    state = (state * 48_271) % 0x7fffffff;
    return state / 0x7fffffff;
  };
}

test.serial(`${ROUNDS} upgrades with a random death in each`, async (t) => {
  t.timeout(ROUNDS * 60_000);
  t.log(`HOLDFAST_KILL_SEED=${SEED}`);
  const next = random(SEED);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)] as T;
  let holdfast: Holdfast | undefined;
  for (let round = 1; round <= ROUNDS; round += 1) {
    holdfast ??= await startHoldfast(t, { args: ['-w', String(WORKERS)], allowErrors: true, stopMs: 40_000 });
    const plan = { party: pick(parties), delay: Math.floor(next() * LATEST), stops: next() < 0.3, stopFor: Math.floor(next() * 1500) };
    if (!(await playRound(t, holdfast, `round ${round} of seed ${SEED}: ${JSON.stringify(plan)}`, plan))) holdfast = undefined;
  }
});

interface Plan {
  readonly party: Party;
  readonly delay: number;
  readonly stops: boolean;
  readonly stopFor: number;
}

/** False when the last master was killed before there was another: then everything has to be gone. */
async function playRound(t: ExecutionContext, holdfast: Holdfast, what: string, plan: Plan): Promise<boolean> {
  const old = holdfast.pid();
  const held = descriptors(old).kinds;
  const load = await startLoad(t, {
    target: holdfast.target,
    mix: { short: 2, keepAlive: 4, slow: 4 },
    keepAliveTimeoutMs: 5_000,
    shortPerSecond: 200,
  });
  await load.warm(1);
  const probing = probeRefused(t, holdfast.target, 5);
  holdfast.signal('SIGUSR2');
  await pause(plan.delay);
  const struck = strike(holdfast, old, plan);
  if (struck !== undefined && plan.stops) {
    await pause(plan.stopFor);
    ofProcess(() => process.kill(struck, 'SIGCONT'));
  }
  const survived = await settled(holdfast, what);
  const { refused, others } = await probing.stop();
  const report = await load.stop();
  if (!survived) return false;
  t.deepEqual({ refused, others: plan.party.endsWith('worker') ? {} : others }, { refused: 0, others: {} }, what);
  const mayLose = struck !== undefined && !plan.stops && plan.party.endsWith('worker');
  t.true(mayLose || report.failed === 0, `${what}: ${JSON.stringify(report.failures.slice(0, 3))}`);
  if (holdfast.pid() === old) t.deepEqual(descriptors(old).kinds, held, `${what}: descriptors`);
  return true;
}

/** The pid that was hit, if that party was there. */
function strike(holdfast: Holdfast, old: number, { party, stops }: Plan): number | undefined {
  const found = holdfast.processes();
  const gen = found.find(({ pid }) => pid === old)?.gen ?? 0;
  const is: Record<Party, (one: MarkedProcess) => boolean> = {
    'old worker': ({ role, gen: its }) => role === 'worker' && its === gen,
    'new worker': ({ role, gen: its }) => role === 'worker' && its > gen,
    candidate: ({ role, pid }) => role === 'master' && pid !== old,
    incumbent: ({ pid }) => pid === old,
  };
  const pid = found.find(is[party])?.pid;
  if (pid !== undefined) ofProcess(() => process.kill(pid, stops ? 'SIGSTOP' : 'SIGKILL'));
  return pid;
}

/** One master with its workers, named by the pidfile, and nothing beside it. Or nothing at all. */
async function settled(holdfast: Holdfast, what: string): Promise<boolean> {
  const look = () => ({ processes: holdfast.processes(), files: strayFiles(holdfast), named: ofProcess(() => holdfast.pid()) });
  const calm = ({ processes, files, named }: ReturnType<typeof look>) => {
    const masters = processes.filter(({ role }) => role === 'master');
    const workers = processes.filter(({ role, ppid }) => role === 'worker' && ppid === masters[0]?.pid);
    const whole = masters.length === 1 && workers.length === WORKERS && processes.length === 1 + WORKERS;
    return processes.length === 0 || (whole && named === masters[0]?.pid && files.length === 0);
  };
  // Twice, for the upgrade may not have begun yet.
  for (let seen = 0; seen < 2; seen += 1) {
    await waitFor(
      () => calm(look()),
      60_000,
      () => `${what} to settle: ${JSON.stringify(look(), undefined, 1)}`,
    );
    await pause(150);
  }
  return holdfast.processes().length > 0;
}

function strayFiles({ pidfile = '' }: Holdfast): string[] {
  return readdirSync(dirname(pidfile)).filter((name) => name.startsWith(`${basename(pidfile)}.`));
}
