// A seeded killer: in each round a random party of an upgrade under load is killed or stopped for a while, at a random moment. HOLDFAST_KILL_SEED and _ROUNDS repeat it.
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { descriptors } from '../support/descriptors.js';
import { heavily, rounds } from '../support/heavy.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { startLoad } from '../support/load/index.js';
import type { MarkedProcess } from '../support/marked.js';
import { probeRefused } from '../support/probe-refused.js';
import { ofProcess } from '../support/proc.js';
import { chance } from '../support/random.js';
import { settled } from '../support/settled.js';

const WORKERS = 2;
const FEW = 5;
const ROUNDS = Number(process.env['HOLDFAST_KILL_ROUNDS'] ?? rounds(FEW, 60));
const SEED = Number(process.env['HOLDFAST_KILL_SEED'] ?? Math.floor(Math.random() * 1e9));
/** Milliseconds from USR2 to the blow: to when an upgrade is over on a busy machine. */
const LATEST = 800;
const parties = ['old worker', 'new worker', 'candidate', 'incumbent'] as const;

type Party = (typeof parties)[number];

/** Sockets of their own are the rarer case: half as many rounds, where there is time. */
const variants = [{ args: [], count: ROUNDS }, ...(ROUNDS > FEW ? [{ args: ['--reuse-port'], count: Math.ceil(ROUNDS / 2) }] : [])];

for (const { args, count } of variants)
  test.serial(heavily(`${count} upgrades with a random death in each ${args.join(' ')}`.trimEnd()), (t) => play(t, args, count));

async function play(t: ExecutionContext, args: readonly string[], count: number): Promise<void> {
  t.timeout(count * 60_000);
  t.log(`HOLDFAST_KILL_SEED=${SEED}`);
  const { next, below, pick } = chance(SEED);
  let holdfast: Holdfast | undefined;
  for (let round = 1; round <= count; round += 1) {
    holdfast ??= await startHoldfast(t, { args: ['-w', String(WORKERS), ...args], allowErrors: true, stopMs: 40_000 });
    const plan = { party: pick(parties), delay: below(LATEST), stops: next() < 0.3, stopFor: below(1500) };
    if (!(await playRound(t, holdfast, `round ${round} of seed ${SEED}: ${JSON.stringify(plan)}`, plan))) holdfast = undefined;
  }
}

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
  const survived = await settled(holdfast, WORKERS, what);
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
