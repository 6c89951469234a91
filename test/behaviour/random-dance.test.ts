// --upgrade manual with a seeded operator: WINCH and HUP to the old master in any order, then a decision or a death, under load.
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { descriptors } from '../support/descriptors.js';
import { heavily, rounds } from '../support/heavy.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { startLoad } from '../support/load/index.js';
import { probeRefused } from '../support/probe-refused.js';
import { ofProcess } from '../support/proc.js';
import { type Chance, chance } from '../support/random.js';
import { settled } from '../support/settled.js';

const WORKERS = 2;
const ROUNDS = Number(process.env['HOLDFAST_DANCE_ROUNDS'] ?? rounds(3, 30));
const SEED = Number(process.env['HOLDFAST_DANCE_SEED'] ?? Math.floor(Math.random() * 1e9));
/** Milliseconds between two orders at the most: some come while the one before is followed. */
const PAUSE = 300;
const ENDS = ['old SIGTERM', 'old SIGQUIT', 'old SIGKILL', 'new SIGTERM', 'new SIGINT', 'new SIGKILL'] as const;

interface Plan {
  readonly orders: readonly { readonly signal: 'SIGWINCH' | 'SIGHUP'; readonly after: number }[];
  readonly end: (typeof ENDS)[number];
  readonly after: number;
}

test.serial(heavily(`${ROUNDS} upgrades by hand, each with its own way`), async (t) => {
  t.timeout(ROUNDS * 60_000);
  t.log(`HOLDFAST_DANCE_SEED=${SEED}`);
  const luck = chance(SEED);
  const args = ['-w', String(WORKERS), '--upgrade', 'manual'];
  const holdfast = await startHoldfast(t, { args, allowErrors: true, stopMs: 40_000 });
  for (let round = 1; round <= ROUNDS; round += 1) {
    const plan = makePlan(luck);
    await playRound(t, holdfast, `round ${round} of seed ${SEED}: ${JSON.stringify(plan)}`, plan);
  }
});

function makePlan({ below, pick }: Chance): Plan {
  const order = () => ({ signal: pick(['SIGWINCH', 'SIGHUP'] as const), after: below(PAUSE) });
  return { orders: Array.from({ length: below(4) }, order), end: pick(ENDS), after: below(PAUSE) };
}

async function playRound(t: ExecutionContext, holdfast: Holdfast, what: string, plan: Plan): Promise<void> {
  const old = holdfast.pid();
  const held = descriptors(old).kinds;
  const load = startLoad(t, {
    target: holdfast.target,
    mix: { short: 2, keepAlive: 4, slow: 4 },
    keepAliveTimeoutMs: 5_000,
    shortPerSecond: 200,
  });
  await load.warm(1);
  const probing = probeRefused(t, holdfast.target, 5);
  const next = await trial(holdfast);
  for (const { signal, after } of plan.orders) {
    await pause(after);
    process.kill(old, signal);
  }
  await pause(plan.after);
  const [party, signal] = plan.end.split(' ') as [string, NodeJS.Signals];
  ofProcess(() => process.kill(party === 'old' ? old : next, signal));
  t.true(await settled(holdfast, WORKERS, what), what);
  t.is(holdfast.pid(), party === 'old' ? next : old, what);
  const { refused, others } = await probing.stop();
  t.deepEqual({ refused, others }, { refused: 0, others: {} }, what);
  const report = await load.stop();
  t.is(report.failed, 0, `${what}: ${JSON.stringify(report.failures.slice(0, 3))}`);
  if (party === 'new') t.deepEqual(descriptors(old).kinds, held, `${what}: descriptors`);
  t.false(existsSync(`${holdfast.pidfile}.2`));
}

async function trial(holdfast: Holdfast): Promise<number> {
  const after = holdfast.log.length;
  holdfast.signal('SIGUSR2');
  await holdfast.event('upgrade.ready', (line) => line['candidate'] !== undefined, { after });
  return Number(readFileSync(`${holdfast.pidfile}.2`, 'utf8'));
}
