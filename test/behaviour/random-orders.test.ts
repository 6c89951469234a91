// A seeded operator gives any orders in any order, under load, while processes die and stop. HOLDFAST_ORDERS_SEED and _ROUNDS repeat it.
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { descriptors, listeningTargets, waitsFor } from '../support/descriptors.js';
import { type Due, dueDescriptors } from '../support/due-descriptors.js';
import { heavily, rounds } from '../support/heavy.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { type Report, startLoad } from '../support/load/index.js';
import { makeMoves, Operator } from '../support/operator.js';
import { ofProcess } from '../support/proc.js';
import { type Chance, chance } from '../support/random.js';
import { Releases } from '../support/releases.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

const ROUNDS = Number(process.env['HOLDFAST_ORDERS_ROUNDS'] ?? rounds(3, 30));
const SEED = Number(process.env['HOLDFAST_ORDERS_SEED'] ?? Math.floor(Math.random() * 1e9));
/** Seconds. */
const KEEP_ALIVE = 1;
const LIMITS = [
  '--log-level',
  'debug',
  '--keep-alive',
  String(KEEP_ALIVE),
  '--graceful-timeout',
  '10',
  '--upgrade-timeout',
  '6',
  '--boot-timeout',
  '10',
];
/** Of a reload: on a busy machine a worker may need longer than the short `--boot-timeout`. */
const TRIES = 5;
const GOOD = 3;
const NEVER_READY = 'await new Promise(() => setInterval(() => {}, 1_000));';
/** Milliseconds that who was killed may be heard of. */
const ECHO = 3_000;

let due: Due | undefined;

for (let round = 1, seed = SEED; round <= ROUNDS; round += 1, seed = chance(seed).below(1e9)) {
  const its = seed;
  test.serial(heavily(`any orders in any order, seed ${its}, round ${round}`), (t) => play(t, its));
}

interface Stage {
  readonly t: ExecutionContext;
  readonly holdfast: Holdfast;
  readonly operator: Operator;
  readonly releases: Releases;
  readonly luck: Chance;
  readonly workers: number;
  readonly unix: string | undefined;
}

async function play(t: ExecutionContext, seed: number): Promise<void> {
  t.timeout(300_000);
  due ??= await dueDescriptors(t, { workers: 0, listeners: 0 });
  const stage = await start(t, chance(seed));
  try {
    if (await playAct(stage)) await stopAll(stage);
    t.is(stage.holdfast.stderr, '');
  } catch (error) {
    t.log(stage.operator.deeds.map(({ at, what }) => `${new Date(at).toISOString()} ${what}`).join('\n'));
    throw error;
  }
}

/** In any mode. */
async function start(t: ExecutionContext, luck: Chance): Promise<Stage> {
  const { next, below } = luck;
  const workers = 1 + below(4);
  const manual = next() < 0.5;
  const args = ['-w', String(workers), '--upgrade', manual ? 'manual' : 'auto', '-b', '127.0.0.1:0', ...LIMITS];
  if (next() < 0.35) args.push('--reuse-port');
  const unix = next() < 0.4 ? join(tempDir(t), 'app.sock') : undefined;
  if (unix !== undefined) args.push('-b', `unix:${unix}`);
  if (next() < 0.3) args.push('--max-requests', '100', '--max-requests-jitter', '50');
  const pidfile = next() < 0.75;
  t.log(`${args.join(' ')}${pidfile ? '' : ' (no pidfile)'}`);
  const releases = new Releases(t, GOOD);
  const bad = [releases.addBad('throws'), releases.addBad('exits'), releases.add(NEVER_READY)];
  const holdfast = await startHoldfast(t, { args, pidfile, allowErrors: true, stopMs: 40_000, app: releases.app, cwd: releases.current });
  const operator = new Operator(holdfast, manual, {
    good: (which) => releases.point(1 + Math.floor(which * GOOD)),
    bad: (which) => releases.point(bad[Math.floor(which * bad.length)] ?? 0),
  });
  return { t, holdfast, operator, releases, luck, workers, unix };
}

/** False when all of it is over. */
async function playAct(stage: Stage): Promise<boolean> {
  const { t, holdfast, operator, releases, luck } = stage;
  const load = startLoad(t, {
    target: holdfast.target,
    mix: { short: 1, keepAlive: 2, slow: 2, unused: 1, idle: 1 },
    keepAliveTimeoutMs: KEEP_ALIVE * 1000,
    shortPerSecond: 50,
    answerMs: 60_000,
  });
  await load.warm(1);
  const from = operator.deeds.length;
  await operator.play(makeMoves(luck));
  releases.point(1);
  const insists = luck.next() < 0.3;
  if (insists) operator.send(operator.incumbent, 'SIGHUP', 'incumbent');
  if (!(await calm(stage, luck.next()))) {
    await load.stop();
    explainEnd(stage);
    return false;
  }
  if (expected(stage) === 0) {
    await checkAccepting(stage);
    await bringBack(stage);
    if (!(await calm(stage, 0))) throw new Error('all ended at a HUP');
  }
  const report = await load.stop();
  if (!(await calm(stage, 0))) throw new Error('all ended by itself');
  await checkAccepting(stage);
  checkLoss(stage, report, from);
  await checkDescriptors(stage);
  return true;
}

async function bringBack({ holdfast, operator }: Stage): Promise<void> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const after = holdfast.log.length;
    operator.send(operator.incumbent, 'SIGHUP', 'incumbent, to bring them back,');
    const { event, reason } = await holdfast.event(['reload.done', 'reload.failed'], undefined, { after, timeoutMs: 40_000 });
    if (event === 'reload.done') return;
    if (!/--boot-timeout\)$/.test(reason ?? '')) throw new Error(`not brought back: ${reason}`);
  }
  throw new Error(`not brought back in ${TRIES} tries`);
}

/** The workers that the master in charge should have, by what it has said. */
function expected({ operator, holdfast, workers }: Stage): number {
  const said = holdfast.log.filter(({ pid }) => pid === operator.incumbent);
  const last = (is: RegExp) => said.findLastIndex(({ msg = '' }) => is.test(msg));
  const drained = last(/^draining the workers; HUP/) > Math.max(last(/accept$/), last(/^starting the workers again/));
  if (drained) return 0;
  const wanted = /^(\d+) workers? wanted/.exec(said[last(/^\d+ workers? wanted/)]?.msg ?? '')?.[1];
  return Number(wanted ?? workers);
}

/** Waits until one master is there with its workers, and nothing beside it. False when nothing at all is left. */
async function calm(stage: Stage, which: number): Promise<boolean> {
  const { holdfast, operator } = stage;
  const look = () => {
    const processes = holdfast.processes();
    const masters = processes.filter(({ role }) => role === 'master');
    const theirs = processes.filter(({ role, ppid }) => role === 'worker' && ppid === masters[0]?.pid);
    const files = holdfast.pidfile === undefined ? [] : holdfast.strayFiles();
    return {
      processes,
      masters: masters.length,
      workers: theirs.length,
      master: masters[0]?.pid,
      files,
      named: operator.incumbent,
      wanted: expected(stage),
    };
  };
  let undecidedSince: number | undefined;
  let lastHup = performance.now();
  let looked = Number.NEGATIVE_INFINITY;
  const turn = () => {
    if (performance.now() - looked < 150) return false;
    looked = performance.now();
    const seen = look();
    if (seen.processes.length === 0) return true;
    const now = performance.now();
    undecidedSince = operator.undecided === undefined ? undefined : (undecidedSince ?? now);
    if (undecidedSince !== undefined && now - undecidedSince > 700) {
      undecidedSince = undefined;
      operator.decide(which);
    }
    const still =
      seen.masters === 1 &&
      seen.workers === seen.wanted &&
      seen.processes.length === 1 + seen.wanted &&
      seen.named === seen.master &&
      seen.files.length === 0;
    if (!still && now - lastHup > 20_000) {
      lastHup = now;
      operator.send(operator.incumbent, 'SIGHUP', 'incumbent, in the end,');
    }
    return still;
  };
  for (let seen = 0; seen < 4; seen += 1) {
    await waitFor(turn, 90_000, () => `calm: ${JSON.stringify(look(), undefined, 1)}`);
  }
  return holdfast.processes().length > 0;
}

/** By orders or by violence: it has been told to end, or was killed in charge. */
function explainEnd({ holdfast, operator }: Stage): void {
  const charged = new Set(
    holdfast.log
      .filter(({ event, msg = '' }) => event === 'master.ready' || /in charge again$|taking its place$/.test(msg))
      .map(({ pid }) => pid),
  );
  const ends = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT'];
  const why = operator.deeds.filter(({ pid, signal }) => ends.includes(signal) && charged.has(pid));
  if (why.length === 0) throw new Error('all has ended, and nobody had ordered it');
}

async function checkAccepting(stage: Stage): Promise<void> {
  const { holdfast, unix, operator } = stage;
  const wanted = expected(stage);
  const look = () => {
    const targets = listeningTargets(holdfast.port);
    const workers = holdfast.workers().map(({ pid }) => pid);
    const accepting = workers.filter((pid) => waitsFor(pid, targets));
    const served = [...targets].filter((target) => workers.some((pid) => waitsFor(pid, new Set([target]))));
    return {
      accepting: accepting.length,
      served: served.length,
      sockets: targets.size,
      slots: new Set(holdfast.workers().map(({ slot }) => slot)).size,
    };
  };
  const right = () => {
    const { accepting, served, sockets, slots } = look();
    return accepting === wanted && slots === wanted && served === (wanted === 0 ? 0 : sockets);
  };
  await waitFor(right, 10_000, () => `${wanted} that accept, on each socket: ${JSON.stringify(look())}`);
  if (wanted > 0 && unix !== undefined && !existsSync(unix)) throw new Error('the unix socket is gone');
  const dirs = new Set(holdfast.workers().map(({ pid }) => ofProcess(() => readlinkSync(`/proc/${pid}/cwd`))));
  if (dirs.size > 1) throw new Error(`workers of several releases: ${[...dirs]}`);
  if (holdfast.pidfile !== undefined && holdfast.pid() !== operator.masters[0]?.pid) throw new Error('the pidfile names somebody else');
}

function checkLoss({ operator }: Stage, report: Report, from: number): void {
  const kills = operator.deeds.slice(from).filter(({ signal, role }) => signal === 'SIGKILL' && role === 'worker');
  const cut = ['reset-before-response', 'closed-before-response', 'reset-within-response', 'closed-within-response', 'idle-closed-early'];
  const allowed = ({ reason, at }: Report['failures'][number]) =>
    cut.includes(reason) && kills.some((kill) => at > kill.at - 50 && at < kill.at + ECHO);
  const lost = report.failures.filter((failure) => !allowed(failure));
  if (lost.length > 0) throw new Error(`lost: ${JSON.stringify(lost.slice(0, 5), undefined, 1)}`);
}

async function checkDescriptors(stage: Stage): Promise<void> {
  const { holdfast, operator, unix } = stage;
  if (due === undefined) return;
  const workers = expected(stage);
  const master = operator.incumbent ?? 0;
  const listeners = listeningTargets(holdfast.port).size + (unix === undefined ? 0 : 1);
  const base = due.master;
  const wanted = { ...base, socket: base.socket + listeners + 2 * workers, file: base.file - (holdfast.pidfile === undefined ? 1 : 0) };
  const seen = () => descriptors(master).kinds;
  const right = () => JSON.stringify(seen()) === JSON.stringify(wanted);
  await waitFor(right, 10_000, () => `descriptors ${JSON.stringify(wanted)}: ${JSON.stringify(descriptors(master), undefined, 1)}`);
}

/** Whoever it is, TERM ends it, and nothing is left. */
async function stopAll({ holdfast, operator, unix }: Stage): Promise<void> {
  operator.send(operator.incumbent, 'SIGTERM', 'incumbent, to end,');
  await holdfast.gone();
  if (unix !== undefined && existsSync(unix)) throw new Error('the unix socket is left');
  if (holdfast.pidfile === undefined) return;
  const left = readdirSync(dirname(holdfast.pidfile)).filter((name) => name.startsWith(basename(holdfast.pidfile ?? '')));
  if (left.length > 0) throw new Error(`left: ${left}`);
}
