// --upgrade manual: two generations serve, and the operator decides. gunicorn's and nginx's documented sequences, and the ways back.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ask } from '../support/ask.js';
import { HELD_LONG, holdRequest } from '../support/held-request.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { everyKind, type Load, startLoad } from '../support/load/index.js';
import { assertLossless } from '../support/load/lossless.js';
import type { LogLine } from '../support/log-tail.js';
import { fixture } from '../support/paths.js';
import { probeRefused } from '../support/probe-refused.js';
import { isAlive, waitGone } from '../support/proc.js';
import { Releases } from '../support/releases.js';
import { freeze, thaw } from '../support/signals.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

/** Milliseconds: what a drain waits for an idle connection. */
const KEEP_ALIVE = 2_000;
const expected = [/upgrade\.rollback/, /the candidate gives up/];

interface Pair {
  readonly old: number;
  readonly next: number;
}

async function start(t: ExecutionContext, args: readonly string[] = []): Promise<{ holdfast: Holdfast; releases: Releases }> {
  const releases = new Releases(t, 2);
  const holdfast = await startHoldfast(t, {
    app: releases.app,
    cwd: releases.current,
    args: ['-w', '2', '--upgrade', 'manual', '--keep-alive', String(KEEP_ALIVE / 1000), ...args],
    allowErrors: expected,
    stopMs: 40_000,
  });
  releases.point(2);
  return { holdfast, releases };
}

/** An app that answers late, and says in a file that it was asked. */
const late = (taken: string) => `
  import { writeFileSync } from 'node:fs';
  export default (req, res) => {
    writeFileSync(${JSON.stringify(taken)}, '');
    setTimeout(() => res.end('late'), 8_000);
  };
`;

/** USR2, until the new generation serves beside the old. */
async function trial(holdfast: Holdfast): Promise<Pair> {
  const after = holdfast.log.length;
  const old = holdfast.signal('SIGUSR2');
  await holdfast.event('upgrade.ready', (line) => line['candidate'] !== undefined, { after });
  return { old, next: Number(readFileSync(`${holdfast.pidfile}.2`, 'utf8')) };
}

/** The same where `--upgrade-timeout` is short for the test's sake: on a busy machine it may pass, and then one tries again. */
async function trialInTime(holdfast: Holdfast): Promise<Pair> {
  for (let tries = 1; tries <= 5; tries += 1) {
    const after = holdfast.log.length;
    const old = holdfast.signal('SIGUSR2');
    const verdict = (line: LogLine) => line.event === 'upgrade.rollback' || line['candidate'] !== undefined;
    const { candidate } = await holdfast.event(['upgrade.ready', 'upgrade.rollback'], verdict, { after });
    if (candidate !== undefined) return { old, next: Number(candidate) };
  }
  throw new Error('not in 5 tries');
}

function load(t: ExecutionContext, holdfast: Holdfast): Load {
  return startLoad(t, { target: holdfast.target, mix: everyKind, keepAliveTimeoutMs: KEEP_ALIVE });
}

async function answers(load: Load): Promise<void> {
  await load.mark();
  await load.answeredAtLeast(150);
}

/** Which releases answer, of thirty new connections. */
async function releasesThatAnswer(holdfast: Holdfast): Promise<string[]> {
  const seen = new Set<string>();
  for (let asked = 0; asked < 30; asked += 1) seen.add(String((await ask(holdfast.target)).headers['x-release']));
  return [...seen].sort();
}

test('both generations serve, the pidfile names the old one and PIDFILE.2 the new', async (t) => {
  const { holdfast } = await start(t);
  const { old, next } = await trial(holdfast);
  t.is(holdfast.pid(), old);
  t.deepEqual([isAlive(old), isAlive(next)], [true, true]);
  await waitFor(async () => (await releasesThatAnswer(holdfast)).length === 2, 20_000, 'answers of both');
  t.is(holdfast.workers().length, 4);
  process.kill(next, 'SIGTERM');
  await holdfast.event('upgrade.rollback');
});

test("gunicorn's sequence forward: USR2, WINCH to the old, TERM to the old; nothing is lost", async (t) => {
  const { holdfast } = await start(t);
  const clients = load(t, holdfast);
  await clients.warm(2);
  const { old, next } = await trial(holdfast);
  await answers(clients);
  process.kill(old, 'SIGWINCH');
  await waitFor(() => holdfast.workers(1).length === 0, 40_000, 'the old workers to leave');
  t.true(isAlive(old), 'the old master stays');
  t.is(holdfast.pid(), old);
  t.deepEqual(await releasesThatAnswer(holdfast), ['2']);
  process.kill(old, 'SIGTERM');
  await holdfast.event('upgrade.done');
  await waitGone(old, 20_000);
  t.is(holdfast.pid(), next);
  await answers(clients);
  assertLossless(t, await clients.stop());
  t.false(existsSync(`${holdfast.pidfile}.2`) || existsSync(`${holdfast.pidfile}.oldbin`));
});

test("gunicorn's sequence back: USR2, WINCH to the old, HUP to the old, TERM to the new; nothing is lost", async (t) => {
  const { holdfast } = await start(t);
  const clients = load(t, holdfast);
  await clients.warm(2);
  const { old, next } = await trial(holdfast);
  process.kill(old, 'SIGWINCH');
  await waitFor(() => holdfast.workers(1).length === 0, 40_000, 'the old workers to leave');
  await answers(clients);
  const after = holdfast.log.length;
  process.kill(old, 'SIGHUP');
  await holdfast.event('worker.ready', (line) => line.gen === 1 && line['slot'] === 2, { after });
  process.kill(next, 'SIGTERM');
  await holdfast.event('upgrade.rollback');
  t.false(isAlive(next));
  t.is(holdfast.pid(), old);
  t.is(holdfast.processes().length, 3);
  t.deepEqual(await releasesThatAnswer(holdfast), ['1'], 'the release that ran, wherever the link leads now');
  await answers(clients);
  assertLossless(t, await clients.stop());
  t.false(existsSync(`${holdfast.pidfile}.2`));
});

test("nginx's sequence: USR2, WINCH to the old, QUIT to the old; and once more after it", async (t) => {
  const { holdfast, releases } = await start(t);
  const clients = load(t, holdfast);
  await clients.warm(2);
  for (const release of [2, 1]) {
    releases.point(release);
    const { old, next } = await trial(holdfast);
    process.kill(old, 'SIGWINCH');
    await answers(clients);
    process.kill(old, 'SIGQUIT');
    await waitGone(old, 45_000);
    t.is(holdfast.pid(), next);
  }
  await answers(clients);
  assertLossless(t, await clients.stop());
});

test('TERM to the new one after a WINCH brings the old workers back before the new ones leave', async (t) => {
  const { holdfast } = await start(t);
  const clients = load(t, holdfast);
  await clients.warm(2);
  const { old, next } = await trial(holdfast);
  process.kill(old, 'SIGWINCH');
  await waitFor(() => holdfast.workers(1).length === 0, 40_000, 'the old workers to leave');
  const after = holdfast.log.length;
  process.kill(next, 'SIGTERM');
  const drained = await holdfast.event('drain.start', (line) => line.gen === 2, { after });
  const back = holdfast.log.filter((line, at) => at >= after && line.event === 'worker.ready' && line.gen === 1);
  t.is(back.length, 2, 'two are ready again');
  t.true(back.every((line) => holdfast.log.indexOf(line) < holdfast.log.indexOf(drained)));
  await holdfast.event('upgrade.rollback');
  await answers(clients);
  assertLossless(t, await clients.stop());
});

interface Held extends Pair {
  readonly holdfast: Holdfast;
  /** Old workers that start from here on may load. */
  calm(): void;
}

/** Two generations of one worker each serve, and the old one's worker is in no state to. */
async function startHeld(
  t: ExecutionContext,
  lose: (old: number, holdfast: Holdfast, become: (mood: string) => void) => Promise<void>,
): Promise<Held> {
  const mood = join(tempDir(t), 'mood');
  const holdfast = await startHoldfast(t, {
    app: fixture('moody.mjs'),
    args: ['-w', '1', '--upgrade', 'manual', '--log-level', 'debug'],
    env: { MOOD: mood },
    allowErrors: expected,
  });
  const { old, next } = await trial(holdfast);
  await lose(old, holdfast, (text) => writeFileSync(mood, text));
  return { holdfast, old, next, calm: () => rmSync(mood) };
}

const ways = {
  'that HUP has brought back': async (old: number, holdfast: Holdfast, become: (mood: string) => void) => {
    process.kill(old, 'SIGWINCH');
    await waitFor(() => holdfast.workers(1).length === 0, 40_000, 'the old worker to leave');
    become('wait');
    const after = holdfast.log.length;
    process.kill(old, 'SIGHUP');
    await holdfast.event('worker.spawn', (line) => line.pid === old, { after });
  },
  'that follows one that was killed': async (old: number, holdfast: Holdfast, become: (mood: string) => void) => {
    become('wait');
    const after = holdfast.log.length;
    process.kill(holdfast.workers(1)[0]?.pid ?? 0, 'SIGKILL');
    await holdfast.event('worker.exit', (line) => line.pid === old, { after });
  },
};

for (const [who, lose] of Object.entries(ways))
  test(`TERM to the new one while an old worker still loads ${who}: the new ones leave when it accepts`, async (t) => {
    const { holdfast, old, next, calm } = await startHeld(t, lose);
    const after = holdfast.log.length;
    process.kill(next, 'SIGTERM');
    await holdfast.says(/^deciding: withdraw: recovering$/, ({ pid }) => pid === old, { after });
    t.is((await ask(holdfast.target)).status, 200, 'somebody accepts');
    calm();
    await holdfast.event('upgrade.rollback');
    const at = (event: string, gen: number) =>
      holdfast.log.findIndex((line, index) => index >= after && line.event === event && line.gen === gen);
    t.true(at('worker.ready', 1) > 0 && at('worker.ready', 1) < at('drain.start', 2));
    t.is((await ask(holdfast.target)).status, 200);
  });

test('TERM to the old one while no new worker accepts: the old ones drain when one does', async (t) => {
  const { holdfast, old, next, calm } = await startHeld(t, async (_old, holdfast, become) => {
    become('wait');
    process.kill(holdfast.workers(2)[0]?.pid ?? 0, 'SIGKILL');
    await holdfast.event('worker.exit');
  });
  const after = holdfast.log.length;
  process.kill(old, 'SIGTERM');
  await holdfast.says(/: commit: /, ({ pid }) => pid === next, { after });
  t.is((await ask(holdfast.target)).status, 200, 'somebody accepts');
  t.is(holdfast.pid(), old);
  calm();
  await holdfast.event('upgrade.done');
  const at = (event: string, gen: number) =>
    holdfast.log.findIndex((line, index) => index >= after && line.event === event && line.gen === gen);
  await holdfast.event('drain.start', ({ gen }) => gen === 1, { after });
  t.true(at('worker.ready', 2) > 0 && at('worker.ready', 2) < at('drain.start', 1));
  t.is((await ask(holdfast.target)).status, 200);
});

for (const order of ['TERM to the old one', 'TERM to the new one'])
  test(`${order}: one whom TTOU has left, for another does not accept yet, is somebody who accepts`, async (t) => {
    const mood = join(tempDir(t), 'mood');
    const holdfast = await startHoldfast(t, {
      app: fixture('moody.mjs'),
      args: ['-w', '2', '--upgrade', 'manual', '--log-level', 'debug'],
      env: { MOOD: mood },
      allowErrors: [...expected, /in no mood/],
    });
    const { old, next } = await trial(holdfast);
    const [master, gen] = order === 'TERM to the old one' ? [next, 2] : [old, 1];
    writeFileSync(mood, 'throw');
    const after = holdfast.log.length;
    process.kill(holdfast.workers(gen).find(({ slot }) => slot === 1)?.pid ?? 0, 'SIGKILL');
    await holdfast.event('worker.exit', (line) => line.pid === master, { after });
    process.kill(master, 'SIGTTOU');
    await holdfast.says(/^1 worker wanted$/);
    process.kill(master === next ? old : next, 'SIGTERM');
    await holdfast.event(gen === 2 ? 'upgrade.done' : 'upgrade.rollback');
    t.is((await ask(holdfast.target)).status, 200);
    t.is(holdfast.pid(), master);
    rmSync(mood);
    await holdfast.event('worker.ready', (line) => line.pid === master && line.slot === 1, { after });
  });

test('a new one that is killed after a WINCH leaves the old one in charge, with workers', async (t) => {
  const { holdfast } = await start(t);
  const probing = probeRefused(t, holdfast.target);
  const { old, next } = await trial(holdfast);
  process.kill(old, 'SIGWINCH');
  await waitFor(() => holdfast.workers(1).length === 0, 40_000, 'the old workers to leave');
  process.kill(next, 'SIGKILL');
  const { reason } = await holdfast.event('upgrade.rollback');
  t.regex(String(reason), /died while it served beside/);
  t.is(holdfast.pid(), old);
  t.is(holdfast.workers(1).length, 2);
  t.is(holdfast.processes().length, 3);
  t.deepEqual(await releasesThatAnswer(holdfast), ['1']);
  t.is((await probing.stop()).refused, 0);
  await trial(holdfast);
  process.kill(old, 'SIGTERM');
  t.is((await holdfast.event('upgrade.done')).pid, old, 'and the next try may be committed');
});

test('an old one that is killed while both serve leaves the new one in charge', async (t) => {
  const { holdfast } = await start(t);
  const probing = probeRefused(t, holdfast.target);
  const { old, next } = await trial(holdfast);
  process.kill(old, 'SIGKILL');
  await waitFor(() => holdfast.pid() === next, 20_000, 'the new one in the pidfile');
  await waitFor(() => holdfast.processes().length === 3, 40_000, 'the new generation alone');
  t.deepEqual(await releasesThatAnswer(holdfast), ['2']);
  t.is((await probing.stop()).refused, 0);
  t.false(existsSync(`${holdfast.pidfile}.2`));
});

test('TERM to both ends everything', async (t) => {
  const { holdfast } = await start(t);
  const { old, next } = await trial(holdfast);
  process.kill(next, 'SIGTERM');
  process.kill(old, 'SIGTERM');
  await waitFor(() => !isAlive(old), 40_000, 'the old master to leave');
  // Whoever was heard first: the new one was let go and the old one then stopped, or it was committed and stopped itself.
  if (holdfast.processes().length > 0 && isAlive(next)) await waitGone(next, 40_000);
  await holdfast.gone(40_000);
  t.false(existsSync(holdfast.pidfile ?? ''));
});

test('TERM to both while the generation before the old one is stopped, and cannot be released: the new one is let go', async (t) => {
  const { holdfast } = await start(t, ['--upgrade-timeout', '5', '--log-level', 'debug', ...HELD_LONG]);
  const held = await holdRequest(holdfast);
  const first = await trialInTime(holdfast);
  process.kill(first.old, 'SIGTERM');
  await holdfast.event('upgrade.done');
  await freeze(t, first.old);
  const { old, next } = await trialInTime(holdfast);
  const after = holdfast.log.length;
  process.kill(old, 'SIGTERM');
  await holdfast.says(/^deciding: stop: releasing$/, ({ pid }) => pid === old);
  process.kill(next, 'SIGTERM');
  t.is((await holdfast.event('upgrade.rollback', undefined, { after })).reason, 'the candidate was told to stop');
  t.is(holdfast.pid(), old);
  await waitGone(next, 40_000);
  thaw(first.old);
  t.is(await held.answer(), 'held');
});

test('another USR2 while both serve is refused, to either', async (t) => {
  const { holdfast } = await start(t);
  const { old, next } = await trial(holdfast);
  const refusal = (pid: number) => () => holdfast.log.some((line) => line.pid === pid && /^refused: /.test(String(line.msg)));
  for (const pid of [old, next]) {
    process.kill(pid, 'SIGUSR2');
    await waitFor(refusal(pid), 20_000, `a refusal by ${pid}`);
  }
  t.is(holdfast.events('upgrade.start').length, 1);
  process.kill(old, 'SIGTERM');
  await holdfast.event('upgrade.done');
});

test('a bad release is rolled back by hand, too, and nobody is asked', async (t) => {
  const { holdfast, releases } = await start(t);
  const workers = holdfast.workers();
  releases.point(releases.addBad('throws'));
  holdfast.signal('SIGUSR2');
  await holdfast.event('upgrade.rollback');
  t.deepEqual(holdfast.workers(), workers);
});

test('--upgrade manual is refused where systemd supervises', async (t) => {
  const args = ['--upgrade', 'manual'];
  const env = { NOTIFY_SOCKET: '/run/nobody-is-there' };
  const holdfast = await startHoldfast(t, { args, env, untilReady: false, allowErrors: [/systemd supervises/] });
  t.is((await holdfast.exit).status, 2);
  t.regex(holdfast.stderr, /^holdfast: cannot use --upgrade manual: systemd supervises .*\n$/);
});

test('whoever a candidate serves that is backed out has as long as its drain may take, which the keep-alive timeout may make longer', async (t) => {
  const releases = new Releases(t, 1);
  const taken = join(releases.root, 'taken');
  releases.add(late(taken));
  const args = ['-w', '1', '--upgrade', 'manual', '--graceful-timeout', '1', '--keep-alive', '12'];
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args, allowErrors: expected, stopMs: 40_000 });
  releases.point(2);
  const { old, next } = await trial(holdfast);
  process.kill(old, 'SIGWINCH');
  await waitFor(() => holdfast.workers(1).length === 0, 20_000, 'the new generation to serve alone');
  const asked = ask(holdfast.target);
  await waitFor(() => existsSync(taken), 20_000, 'it to be asked');
  process.kill(next, 'SIGTERM');
  t.is((await asked).body, 'late');
  await holdfast.event('upgrade.rollback');
});
