// Any process may die at any moment: kill -9 of each party at each step, under load, with no refused connection and no exchange lost but those of a worker that was killed itself.
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { ask } from '../support/ask.js';
import { commitInTime } from '../support/commit.js';
import { connections } from '../support/descriptors.js';
import { heavyTest } from '../support/heavy.js';
import { HELD_LONG, holdRequest, sendHeld } from '../support/held-request.js';
import { holdCommitted, holdLoading, holdReady } from '../support/held-upgrade.js';
import { type Holdfast, startHoldfast, type Worker } from '../support/holdfast.js';
import { type Load, startLoad } from '../support/load/index.js';
import { assertLossless } from '../support/load/lossless.js';
import { fixture } from '../support/paths.js';
import { watchPidfile } from '../support/pidfile-watch.js';
import { probeRefused } from '../support/probe-refused.js';
import { isAlive, ofProcess, waitGone } from '../support/proc.js';
import { Releases } from '../support/releases.js';
import { deliver, freeze, thaw } from '../support/signals.js';
import { addSlow } from '../support/slow-release.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

const expected = [/the candidate gives up/, /heard nothing from the incumbent/, /upgrade\.rollback/, /died/];

const PATIENT = ['-w', '2', ...HELD_LONG];
/** Of what has to be done while somebody waits for a time that no test can lengthen. */
const TRIES = 5;
const MIX = { short: 2, keepAlive: 4, slow: 2 } as const;

async function start(
  t: ExecutionContext,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<{ holdfast: Holdfast; releases: Releases }> {
  const releases = new Releases(t, 2);
  const holdfast = await startHoldfast(t, {
    app: releases.app,
    cwd: releases.current,
    args: [...PATIENT, ...args],
    env,
    allowErrors: expected,
    stopMs: 40_000,
  });
  return { holdfast, releases };
}

/** From here to the end of what is done no connection is refused, and no exchange fails: who dies here serves nobody. */
async function withoutLoss(t: ExecutionContext, holdfast: Holdfast, act: (load: Load) => Promise<void>): Promise<void> {
  const load = await startLoad(t, { target: holdfast.target, mix: MIX, keepAliveTimeoutMs: 5_000, shortPerSecond: 200 });
  await load.warm(2);
  const probing = probeRefused(t, holdfast.target, 5);
  await act(load);
  const { attempts, refused } = await probing.stop();
  t.true(attempts > 0);
  t.is(refused, 0, 'no connection is refused');
  assertLossless(t, await load.stop());
}

test('a candidate that is killed before it is ready is rolled back', async (t) => {
  const { holdfast, releases } = await start(t);
  await withoutLoss(t, holdfast, async () => {
    const workers = holdfast.workers();
    const { candidate } = await holdLoading(holdfast, releases);
    process.kill(candidate, 'SIGKILL');
    await holdfast.event('upgrade.rollback');
    t.deepEqual(holdfast.workers(), workers);
    t.is(holdfast.processes().length, 3);
    t.false(existsSync(`${holdfast.pidfile}.2`));
  });
});

test('a candidate that is killed when it is ready is rolled back', async (t) => {
  const { holdfast, releases } = await start(t);
  await withoutLoss(t, holdfast, async () => {
    const workers = holdfast.workers();
    const { candidate, incumbent } = await holdReady(t, holdfast, releases);
    for (let asked = 0; asked < 50; asked += 1)
      t.is((await ask(holdfast.target)).headers['x-release'], '1', 'no client reaches a generation that is not committed');
    process.kill(candidate, 'SIGKILL');
    thaw(incumbent);
    await holdfast.event('upgrade.rollback');
    t.deepEqual(holdfast.workers(), workers);
    t.is((await ask(holdfast.target)).headers['x-release'], '1');
  });
});

test('an incumbent that is killed before the candidate is ready is succeeded by it', async (t) => {
  const { holdfast, releases } = await start(t);
  await withoutLoss(t, holdfast, async (load) => {
    const { slow, candidate, incumbent } = await holdLoading(holdfast, releases);
    const watch = await watchPidfile(t, holdfast.pidfile ?? '');
    process.kill(incumbent, 'SIGKILL');
    await waitFor(() => holdfast.pid() === candidate, 20_000, 'the candidate in the pidfile');
    const { missing, empty, malformed, dead } = await watch.stop();
    t.deepEqual({ missing, empty, malformed }, { missing: 0, empty: 0, malformed: 0 });
    t.true(
      dead.every(({ pid, ms }) => pid === incumbent && ms < 5_000),
      'it names the dead for a moment at most, and for a few where a disk is busy',
    );
    await load.mark();
    await load.answeredAtLeast(100);
    t.is(holdfast.workers(1).length, 2, 'the old workers go on accepting');
    slow.open();
    await holdfast.event('master.ready', (line) => line.pid === candidate);
    await waitFor(() => holdfast.workers(1).length === 0, 40_000, 'the old workers to drain');
    t.false(existsSync(`${holdfast.pidfile}.2`));
  });
});

test('an incumbent that is killed when the candidate is ready is succeeded by it', async (t) => {
  const { holdfast, releases } = await start(t);
  await withoutLoss(t, holdfast, async () => {
    const { candidate, incumbent } = await holdReady(t, holdfast, releases);
    process.kill(incumbent, 'SIGKILL');
    await holdfast.event('master.ready', (line) => line.pid === candidate);
    t.is(holdfast.pid(), candidate);
    await waitFor(() => holdfast.workers(1).length === 0, 40_000, 'the old workers to drain');
    t.is((await holdfast.upgrade()).event, 'upgrade.done', 'and it can be upgraded');
  });
});

test('a retiree whose successor is killed returns, with new workers of its own release', async (t) => {
  const { holdfast, releases } = await start(t);
  await withoutLoss(t, holdfast, async () => {
    const retiree = holdfast.pid();
    const long = await holdRequest(holdfast);
    releases.point(2);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    const successor = holdfast.pid();
    process.kill(successor, 'SIGKILL');
    await waitFor(() => holdfast.pid() === retiree, 20_000, 'the retiree in the pidfile');
    await waitFor(() => holdfast.workers(2).length === 0, 40_000, "the dead one's workers to drain");
    t.is((await ask(holdfast.target)).headers['x-release'], '1');
    t.is(await long.answer(), 'held');
    t.false(existsSync(`${holdfast.pidfile}.oldbin`));
    t.is((await holdfast.upgrade()).event, 'upgrade.done', 'and it can be upgraded');
  });
});

test('a retiree that is killed leaves nothing, and its exchanges are finished', async (t) => {
  const { holdfast } = await start(t);
  await withoutLoss(t, holdfast, async () => {
    const retiree = holdfast.pid();
    const long = await holdRequest(holdfast);
    await holdfast.upgrade();
    process.kill(retiree, 'SIGKILL');
    await waitGone(retiree, 20_000);
    t.is(await long.answer(), 'held');
    await waitFor(() => holdfast.workers(1).length === 0, 20_000, 'its workers to leave');
    await waitFor(() => !existsSync(`${holdfast.pidfile}.oldbin`), 20_000, 'no .oldbin');
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
  });
});

test('three generations alive at once: whatever the older ones do, the newest stays in charge', async (t) => {
  const { holdfast } = await start(t);
  await withoutLoss(t, holdfast, async () => {
    const first = holdfast.pid();
    const long = await holdRequest(holdfast);
    await holdfast.upgrade();
    const second = holdfast.pid();
    const longer = await holdRequest(holdfast);
    await holdfast.upgrade();
    const third = holdfast.pid();
    t.is(new Set([first, second, third]).size, 3);
    t.true([first, second, third].every(isAlive), 'all three live');
    process.kill(first, 'SIGKILL');
    process.kill(second, 'SIGKILL');
    t.is(await long.answer(), 'held');
    t.is(await longer.answer(), 'held');
    await waitFor(() => holdfast.processes().length === 3, 20_000, 'the newest alone');
    t.is(holdfast.pid(), third);
    t.is((await ask(holdfast.target)).status, 200);
    t.false(existsSync(`${holdfast.pidfile}.oldbin`));
  });
});

test("a retiree's retiree that is killed changes nothing: its exchanges are finished, and the retiree can still return", async (t) => {
  const { holdfast } = await start(t);
  await withoutLoss(t, holdfast, async () => {
    const first = holdfast.pid();
    const long = await holdRequest(holdfast);
    await holdfast.upgrade();
    const second = holdfast.pid();
    const longer = await holdRequest(holdfast);
    await holdfast.upgrade();
    process.kill(first, 'SIGKILL');
    await waitGone(first, 20_000);
    t.is(readFileSync(`${holdfast.pidfile}.oldbin`, 'utf8'), `${second}\n`);
    process.kill(holdfast.pid(), 'SIGKILL');
    await waitFor(() => holdfast.pid() === second, 20_000, 'the retiree in the pidfile');
    t.is(await long.answer(), 'held');
    t.is(await longer.answer(), 'held');
    await waitFor(() => holdfast.processes().length === 3, 20_000, 'the second generation alone');
    t.deepEqual(holdfast.strayFiles(), []);
  });
});

heavyTest('a candidate whose incumbent is stopped gives up, and the incumbent goes on when it is continued', async (t) => {
  const { holdfast, releases } = await start(t, ['--upgrade-timeout', '5']);
  await withoutLoss(t, holdfast, async () => {
    const workers = holdfast.workers();
    const { candidate, incumbent } = await holdReady(t, holdfast, releases);
    await waitGone(candidate, 30_000);
    thaw(incumbent);
    await holdfast.event('upgrade.rollback');
    t.is(holdfast.pid(), incumbent);
    t.deepEqual(holdfast.workers(), workers, 'nobody was judged by the time that was lost');
    releases.point(2);
    await commitInTime(t, holdfast);
  });
});

test('an incumbent that is killed while the candidate prepares is succeeded by it, in the pidfile too', async (t) => {
  const { holdfast } = await start(t);
  await withoutLoss(t, holdfast, async () => {
    const incumbent = holdfast.signal('SIGUSR2');
    const candidate = Number((await holdfast.event('master.start', (line) => line.gen === 2)).pid);
    process.kill(incumbent, 'SIGKILL');
    await holdfast.event('master.ready', (line) => line.pid === candidate);
    t.is(holdfast.pid(), candidate);
    t.false(existsSync(`${holdfast.pidfile}.2`));
  });
});

test('a candidate that is killed between commit and serving is rolled back', async (t) => {
  const { holdfast, releases } = await start(t);
  await withoutLoss(t, holdfast, async () => {
    const workers = holdfast.workers();
    const { candidate, incumbent } = await holdCommitted(t, holdfast, releases);
    process.kill(candidate, 'SIGKILL');
    const { reason } = await holdfast.event('upgrade.rollback');
    t.regex(String(reason), /died between commit and serving/);
    t.is(holdfast.pid(), incumbent);
    t.deepEqual(holdfast.workers(), workers);
    t.is(holdfast.processes().length, 3);
    t.false(existsSync(`${holdfast.pidfile}.2`));
  });
});

test('a candidate that is killed while its worker takes its first connection: that is answered', async (t) => {
  const dir = tempDir(t);
  const [app, gate] = ['app.mjs', 'gate'].map((name) => join(dir, name)) as [string, string];
  writeFileSync(
    app,
    `import { createServer } from 'node:http';
     import { existsSync, writeFileSync } from 'node:fs';
     const gate = ${JSON.stringify(gate)};
     export default createServer((_, res) => res.end('served by ' + process.env.HOLDFAST_GENERATION)).once('connection', () => {
       if (process.env.HOLDFAST_GENERATION === '1') return;
       writeFileSync(gate + '.reached', '');
       while (!existsSync(gate));
     });`,
  );
  const holdfast = await startHoldfast(t, { app, args: ['-w', '1', '--log-level', 'debug'], allowErrors: expected });
  const [worker] = holdfast.workers();
  await freeze(t, worker?.pid ?? 0);
  const answer = ask(holdfast.target, '/', 20_000);
  answer.catch(() => {});
  // Those who wait are taken in the order in which they came.
  const later = connect(holdfast.target);
  await once(later, 'connect');
  later.destroy();
  holdfast.signal('SIGUSR2');
  await waitFor(() => existsSync(`${gate}.reached`), 20_000, 'the first connection');
  process.kill(holdfast.pidIn('.2'), 'SIGKILL');
  await holdfast.says(/recovering: accepting: reverting/);
  writeFileSync(gate, '');
  t.is((await answer).body, 'served by 2');
  thaw(worker?.pid ?? 0);
  await holdfast.event('upgrade.rollback');
});

heavyTest('a candidate that is stopped between commit and serving is rolled back after ten seconds', async (t) => {
  const { holdfast, releases } = await start(t);
  await withoutLoss(t, holdfast, async () => {
    await holdCommitted(t, holdfast, releases);
    const { reason } = await holdfast.event('upgrade.rollback');
    t.regex(String(reason), /did not serve within 10 s/);
    await waitFor(() => holdfast.processes().length === 3, 20_000, 'nothing of the candidate');
  });
});

test('a pidfile that was rotated already is rotated back at once when the candidate dies before it serves', async (t) => {
  const hold = join(tempDir(t), 'hold');
  const env = { HOLD: hold, NODE_OPTIONS: `--import=${pathToFileURL(fixture('slow-unlock.mjs'))}` };
  const { holdfast, releases } = await start(t, [], env);
  const old = holdfast.workers();
  const { candidate, incumbent } = await holdCommitted(t, holdfast, releases);
  for (const { pid } of old) await freeze(t, pid);
  const served = [1, 2].map(() => sendHeld(holdfast));
  writeFileSync(hold, '');
  thaw(candidate);
  await waitFor(() => holdfast.pid() === candidate, 20_000, 'the candidate in the pidfile');
  for (const { worker } of served) await worker;
  process.kill(candidate, 'SIGKILL');
  rmSync(hold);
  await waitFor(() => holdfast.pid() === incumbent, 20_000, 'the incumbent in the pidfile');
  t.true(holdfast.workers(2).length > 0, 'while its workers still serve');
  for (const { pid } of old) thaw(pid);
  for (const request of served) t.is(await request.answer(), 'held');
  const { reason } = await holdfast.event('upgrade.rollback');
  t.regex(String(reason), /^the candidate died between commit and serving/);
  t.deepEqual(holdfast.workers(), old);
  t.deepEqual(holdfast.strayFiles(), []);
});

test('an incumbent that is killed between commit and serving leaves no trace', async (t) => {
  const { holdfast, releases } = await start(t);
  await withoutLoss(t, holdfast, async () => {
    const { candidate, incumbent } = await holdCommitted(t, holdfast, releases);
    process.kill(incumbent, 'SIGKILL');
    thaw(candidate);
    await holdfast.event('master.ready', (line) => line.pid === candidate);
    t.is(holdfast.pid(), candidate);
    await waitFor(() => holdfast.processes().length === 3, 20_000, 'the old workers to leave');
    await waitFor(() => !existsSync(`${holdfast.pidfile}.oldbin`), 20_000, 'no .oldbin');
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
  });
});

test('TERM between commit and serving is passed to the successor, and ends everything', async (t) => {
  const { holdfast, releases } = await start(t);
  const { candidate, incumbent } = await holdCommitted(t, holdfast, releases);
  await deliver(incumbent, 'SIGTERM');
  thaw(candidate);
  await holdfast.gone(30_000);
  t.false(existsSync(holdfast.pidfile ?? ''));
});

test('of a retiree and a candidate that both could succeed a killed incumbent, one does', async (t) => {
  const { holdfast, releases } = await start(t);
  await withoutLoss(t, holdfast, async () => {
    const long = await holdRequest(holdfast);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    const { slow, incumbent } = await holdLoading(holdfast, releases);
    process.kill(incumbent, 'SIGKILL');
    await waitFor(() => holdfast.pid() !== incumbent, 20_000, 'a successor in the pidfile');
    const successor = holdfast.pid();
    slow.open();
    await waitFor(() => holdfast.workers(2).length === 0, 20_000, "the dead one's workers to drain");
    t.is(await long.answer(), 'held');
    await waitFor(() => holdfast.processes().length === 3, 20_000, 'one generation alone');
    t.is(holdfast.pid(), successor);
    t.true(isAlive(successor));
    t.is((await ask(holdfast.target)).status, 200);
  });
});

test('without a pidfile, too, one of both succeeds', async (t) => {
  const releases = new Releases(t, 2);
  const holdfast = await startHoldfast(t, {
    app: releases.app,
    cwd: releases.current,
    args: PATIENT,
    pidfile: false,
    allowErrors: expected,
    stopMs: 40_000,
  });
  const long = await holdRequest(holdfast);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  const slow = addSlow(releases);
  releases.point(slow.release);
  const incumbent = holdfast.signal('SIGUSR2');
  await holdfast.event('master.start', (line) => line.gen === 3);
  process.kill(incumbent, 'SIGKILL');
  slow.open();
  t.is(await long.answer(), 'held');
  await waitFor(() => holdfast.processes().length === 3, 20_000, 'one generation alone');
  const [master] = holdfast.processes().filter(({ role }) => role === 'master');
  t.is((await ask(holdfast.target)).status, 200);
  process.kill(master?.pid ?? 0, 'SIGTERM');
  await holdfast.gone();
});

test('USR2 to a retiree is passed on to its successor', async (t) => {
  const { holdfast } = await start(t);
  const retiree = holdfast.pid();
  const long = await holdRequest(holdfast);
  await holdfast.upgrade();
  const after = holdfast.log.length;
  process.kill(retiree, 'SIGUSR2');
  t.is((await holdfast.event('upgrade.start', undefined, { after })).gen, 2);
  t.is((await holdfast.event('upgrade.done', undefined, { after })).gen, 2);
  t.is(await long.answer(), 'held');
});

test('a worker that is told TERM by somebody else leaves when another one accepts in its place', async (t) => {
  const { holdfast } = await start(t, ['-w', '1']);
  await withoutLoss(t, holdfast, async (load) => {
    const [worker] = holdfast.workers();
    process.kill(worker?.pid ?? 0, 'SIGTERM');
    await waitGone(worker?.pid ?? 0, 20_000);
    await load.mark();
    await load.answeredAtLeast(50);
  });
});

test('a worker that is killed loses what it served itself, and nothing else', async (t) => {
  const { holdfast } = await start(t);
  const load = await startLoad(t, { target: holdfast.target, mix: MIX, keepAliveTimeoutMs: 5_000, shortPerSecond: 200 });
  await load.warm(2);
  const probing = probeRefused(t, holdfast.target, 5);
  const { pid, slot } = busiest(holdfast);
  await freeze(t, pid);
  const served = connections(pid);
  process.kill(pid, 'SIGKILL');
  await holdfast.event('worker.ready', (line) => line.slot === slot && line['worker'] !== pid);
  await load.mark();
  await load.answeredAtLeast(100);
  const { refused } = await probing.stop();
  const { failed, failures } = await load.stop();
  t.is(refused, 0);
  t.true(served > 0);
  t.true(failed <= served, `${failed} failed, and it served ${served} connections: ${JSON.stringify(failures)}`);
  t.deepEqual(
    failures.filter(({ reason }) => !/^(closed|reset)-|^idle-closed/.test(reason)),
    [],
    'each was cut off, none was refused or left without an answer',
  );
});

/** Two workers need not have the same share of a few connections. */
function busiest(holdfast: Holdfast): Worker {
  const [first, second] = holdfast.workers();
  if (first === undefined || second === undefined) throw new Error('not two workers');
  return connections(first.pid) >= connections(second.pid) ? first : second;
}

test('a retiree that returns, and whose release does not boot any more, gives way to another one at HUP', async (t) => {
  const releases = new Releases(t, 3);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args: PATIENT, allowErrors: true, stopMs: 40_000 });
  const retiree = holdfast.pid();
  const held = await holdRequest(holdfast);
  releases.point(2);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  writeFileSync(join(releases.dir(1), 'server.js'), `throw new Error('its database is gone');`);
  process.kill(holdfast.pid(), 'SIGKILL');
  await holdfast.says(/its database is gone.*replaced in/);
  releases.point(3);
  await deliver(retiree, 'SIGHUP');
  await waitFor(() => holdfast.workers(2).length === 0, 60_000, 'the end of those whose master is dead');
  t.is((await ask(holdfast.target)).headers['x-release'], '3');
  t.is(await held.answer(), 'held');
});

test('a HUP that cannot be followed while a ready candidate takes the place of a dead incumbent keeps it from nothing', async (t) => {
  const releases = new Releases(t, 2);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args: PATIENT, allowErrors: true, stopMs: 40_000 });
  const { candidate, incumbent } = await holdReady(t, holdfast, releases);
  const lock = `${holdfast.pidfile}.lock`;
  mkdirSync(lock);
  writeFileSync(join(lock, 'held'), '');
  process.kill(incumbent, 'SIGKILL');
  await holdfast.says(/taking its place$/);
  renameSync(releases.current, `${releases.current}.gone`);
  await deliver(candidate, 'SIGHUP');
  await holdfast.says(/^reload failed, everything is as it was/);
  renameSync(`${releases.current}.gone`, releases.current);
  rmSync(lock, { recursive: true });
  t.is((await holdfast.event('master.ready', ({ gen }) => gen === 2)).pid, candidate);
});

test('by hand: TERM to a candidate of which a worker cannot boot is followed when its incumbent is killed', async (t) => {
  const mood = join(tempDir(t), 'mood');
  const options = { app: fixture('moody.mjs'), args: ['-w', '2', '--upgrade', 'manual'], env: { MOOD: mood }, allowErrors: true } as const;
  const holdfast = await startHoldfast(t, options);
  const incumbent = holdfast.signal('SIGUSR2');
  await holdfast.says(/serves beside this one/);
  const [victim] = holdfast.workers(2);
  const candidate = Number(readFileSync(`${holdfast.pidfile}.2`, 'utf8'));
  await freeze(t, incumbent);
  writeFileSync(mood, 'throw');
  process.kill(victim?.pid ?? 0, 'SIGKILL');
  await holdfast.says(/in no mood to load.*replaced in/);
  process.kill(candidate, 'SIGTERM');
  await holdfast.says(/serving until the incumbent/);
  process.kill(incumbent, 'SIGKILL');
  await holdfast.gone();
  t.is(holdfast.events('master.exit').at(-1)?.pid, candidate);
});

const bad = {
  'that throws': (releases: Releases) => releases.addBad('throws'),
  'that loads, and cannot accept': (releases: Releases) =>
    releases.add(`
      import { createServer } from 'node:http';
      const server = createServer();
      server.listen = () => { throw new Error('this release throws at listen'); };
      export default server;
    `),
};

for (const [which, add] of Object.entries(bad))
  test(`a release ${which} and whose incumbent is killed gives way to a good one at HUP, and until then the old workers serve`, async (t) => {
    const releases = new Releases(t, 2);
    const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args: PATIENT, allowErrors: true, stopMs: 40_000 });
    await withoutLoss(t, holdfast, async (load) => {
      const { candidate, incumbent } = await holdLoading(holdfast, releases);
      process.kill(incumbent, 'SIGKILL');
      await waitFor(() => holdfast.pid() === candidate, 20_000, 'the candidate in the pidfile');
      const before = holdfast.workers(2);
      releases.point(add(releases));
      process.kill(candidate, 'SIGHUP');
      await holdfast.says(/this release throws at .*replaced in/);
      for (const { pid } of before) t.false(isAlive(pid), 'those that would have gone on loading');
      releases.point(2);
      const after = holdfast.log.length;
      process.kill(candidate, 'SIGHUP');
      t.is((await holdfast.event('master.ready', undefined, { after })).pid, candidate);
      await waitFor(() => holdfast.processes().length === 3, 60_000, 'one generation alone');
      await load.mark();
      await load.answeredAtLeast(50);
      t.is((await ask(holdfast.target)).headers['x-release'], '2');
    });
  });

test('and so does one that loads, and never accepts', async (t) => {
  const releases = new Releases(t, 2);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args: PATIENT, allowErrors: true, stopMs: 40_000 });
  await withoutLoss(t, holdfast, async (load) => {
    const gate = join(releases.root, 'gate');
    const deaf = `
      import { createServer } from 'node:http';
      import app from './full.js';
      const server = createServer(app);
      const { listen } = server;
      const look = (...where) => (existsSync(${JSON.stringify(gate)}) ? listen.apply(server, where) : setTimeout(look, 10, ...where));
      server.listen = (...where) => (look(...where), server);
      export default server;
    `;
    const { candidate, incumbent } = await holdReady(t, holdfast, releases, 2, deaf);
    process.kill(incumbent, 'SIGKILL');
    await waitFor(() => holdfast.pid() === candidate, 20_000, 'the candidate in the pidfile');
    releases.point(2);
    process.kill(candidate, 'SIGHUP');
    t.is((await holdfast.event('master.ready', ({ pid }) => pid === candidate))['release'], releases.dir(2));
    // Nobody drains before it accepts, and the graceful timeout is long.
    writeFileSync(gate, '');
    await waitFor(() => holdfast.processes().length === 3, 60_000, 'one generation alone');
    await load.mark();
    await load.answeredAtLeast(50);
    t.is((await ask(holdfast.target)).headers['x-release'], '2');
  });
});

test('a candidate that failed, and whose workers load in the end, is in charge when its incumbent dies before it has heard of that', async (t) => {
  for (let tries = 1; !(await succeedsFailed(t)); tries += 1) if (tries === TRIES) throw new Error(`gone too soon in ${TRIES} tries`);
});

/** False when the candidate, which does not wait for long, was gone before its incumbent died: on a busy machine its workers load late. */
async function succeedsFailed(t: ExecutionContext): Promise<boolean> {
  const mood = join(tempDir(t), 'mood');
  const holdfast = await startHoldfast(t, {
    app: fixture('moody.mjs'),
    args: ['-w', '1', '--log-level', 'debug'],
    env: { MOOD: mood },
    allowErrors: [...expected, /in no mood/],
  });
  writeFileSync(mood, 'wait');
  const incumbent = holdfast.signal('SIGUSR2');
  const { pid: candidate } = await holdfast.event('worker.spawn', ({ gen }) => gen === 2);
  await freeze(t, incumbent);
  writeFileSync(mood, 'throw');
  await holdfast.says(/^loading: loadFailed: failing$/);
  rmSync(mood);
  // It may be gone.
  ofProcess(() => process.kill(Number(candidate), 'SIGTTIN'));
  const late = () => holdfast.log.some(({ msg }) => /^failing: deadline: /.test(msg ?? '')) && 'late';
  const ready = () => new Set(holdfast.events('worker.ready').flatMap(({ gen, slot }) => (gen === 2 ? [slot] : []))).size === 2;
  await waitFor(() => late() || ready(), 20_000, 'workers that load in the end');
  process.kill(incumbent, 'SIGKILL');
  const inCharge = () => holdfast.events('master.ready').find(({ gen }) => gen === 2);
  const end = await waitFor(() => late() || inCharge(), 20_000, 'a candidate that takes charge');
  if (end === 'late') {
    await holdfast.gone();
    return false;
  }
  t.is(end.pid, candidate);
  t.is((await ask(holdfast.target)).status, 200);
  return true;
}
