import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import test from 'ava';
import { type HoldfastOptions, startHoldfast } from '../../support/holdfast.js';
import { killMarked, MARK, processesMarked } from '../../support/marked.js';
import { fixture } from '../../support/paths.js';
import { isAlive } from '../../support/proc.js';
import type { Test } from '../../support/temp.js';
import { waitFor } from '../../support/wait.js';

const command = fixture('pretend-holdfast.mjs');

/** A test whose end we can look at: AVA's own would fail with it. */
function pretendTest() {
  const teardowns: (() => unknown)[] = [];
  const said: unknown[] = [];
  const t: Test = {
    passed: true,
    teardown: (fn) => void teardowns.push(fn),
    log: (...values: unknown[]) => void said.push(...values),
  } as Test;
  // All of them, in reverse, whichever throws: as AVA does.
  const tearDown = async () => {
    const failures: unknown[] = [];
    for (const fn of teardowns.reverse())
      await Promise.resolve()
        .then(fn)
        .catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  return { t, tearDown, said };
}

/** For those who do end. */
const patient = { stopMs: 30_000 };

async function startPretending(PRETEND: string, options: HoldfastOptions = {}) {
  const { t, tearDown, said } = pretendTest();
  return { holdfast: await startHoldfast(t, { command, env: { PRETEND }, stopMs: 500, ...options }), tearDown, said, t };
}

test('a double-forked process is found by its mark, and ended', async (t) => {
  const mark = randomUUID();
  t.teardown(() => killMarked(mark));
  const shell = spawn('/bin/sh', ['-c', 'sleep 60 & exit 0'], { env: { [MARK]: mark }, stdio: 'ignore', detached: true });
  await once(shell, 'exit');
  // Between its fork and its exec the child still says what the shell was.
  await waitFor(() => processesMarked(mark)[0]?.args === 'sleep 60', 20_000, 'sleep in the place of the shell');
  const [found, ...others] = processesMarked(mark);
  t.like(found, { args: 'sleep 60', role: 'other' });
  t.not(found?.ppid, process.pid);
  t.deepEqual(others, []);
  killMarked(mark);
  await waitFor(() => processesMarked(mark).length === 0, 20_000, 'the end of the marked');
  t.false(isAlive(found?.pid ?? 0));
});

test('a run is followed through its generations to its end', async (t) => {
  const holdfast = await startHoldfast(t, { command });
  const first = holdfast.pid();
  t.is(holdfast.process.pid, first);
  t.deepEqual(holdfast.target, { host: '127.0.0.1', port: 4711 });
  await waitFor(() => holdfast.workers().length === 1, 20_000, 'the worker');
  t.like(holdfast.workers(), [{ gen: 1, slot: 1 }]);
  for (const gen of [2, 3]) {
    t.like(await holdfast.upgrade(), { event: 'upgrade.done', gen });
    t.not(holdfast.pid(), first);
    await waitFor(() => holdfast.workers().every((worker) => worker.gen === gen), 20_000, 'the end of the old worker');
  }
  t.deepEqual(await holdfast.exit, { status: 0, signal: null });
  t.like(await holdfast.reload(), { event: 'reload.done', gen: 3 });
  await waitFor(() => holdfast.processes().length === 2, 20_000, 'the end of the old master');
  t.deepEqual(
    holdfast
      .processes()
      .map(({ role, gen }) => `${role} ${gen}`)
      .sort(),
    ['master 3', 'worker 3'],
  );
  t.deepEqual(await holdfast.stop(), { status: 0, signal: null });
  t.deepEqual(holdfast.processes(), []);
  t.is(holdfast.events('master.exit').length, 3);
  t.false(existsSync(holdfast.pidfile ?? ''));
});

test('a roll-back is the other verdict of an upgrade', async (t) => {
  const holdfast = await startHoldfast(t, { command, env: { PRETEND: 'rollback' } });
  t.like(await holdfast.upgrade(), { event: 'upgrade.rollback', reason: 'pretended' });
  await holdfast.stop();
});

test('events are awaited from where the test says', async (t) => {
  const holdfast = await startHoldfast(t, { command, pidfile: false });
  const ready = await holdfast.event('master.ready');
  t.is(ready.pid, holdfast.pid());
  await t.throwsAsync(holdfast.event('master.ready', undefined, { after: ready, timeoutMs: 50 }), {
    message: /waited 50 ms for master.ready.*\n.*listener.bound/s,
  });
  await t.throwsAsync(holdfast.event('master.ready', (line) => line.gen === 2, { timeoutMs: 50 }));
  const next = holdfast.event(['reload.done', 'reload.failed'], undefined, { after: holdfast.log.length });
  holdfast.signal('SIGHUP');
  t.is((await next).event, 'reload.done');
});

test('a run that fails is told at once, with its status and its words', async (t) => {
  const holdfast = await startHoldfast(t, { command, env: { PRETEND: 'fails' }, untilReady: false, allowErrors: [/pretended/] });
  await t.throwsAsync(holdfast.event('master.ready', undefined, { timeoutMs: 10_000 }), {
    message: /ended.*with 4; stderr: holdfast: cannot load/,
  });
  t.deepEqual(await holdfast.exit, { status: 4, signal: null });
  t.is(holdfast.stderr, 'holdfast: cannot load ./app.js: pretended\n');
});

test('the environment is bare but for the mark, what is given, and the logical directory', async (t) => {
  const holdfast = await startHoldfast(t, { command, env: { GIVEN: '1' } });
  const names = readFileSync(`/proc/${holdfast.pid()}/environ`, 'utf8')
    .split('\0')
    .map((entry) => entry.split('=')[0])
    .filter((name) => name !== '');
  t.deepEqual(names.sort(), ['GIVEN', 'HOLDFAST_TEST_MARK', 'HOME', 'PATH', 'PWD']);
});

test('an orphan fails the test that left it, and is ended', async (t) => {
  const { holdfast, tearDown } = await startPretending('orphan');
  await waitFor(() => holdfast.processes().some(({ args }) => args.includes('sleep')), 20_000, 'the orphan');
  await t.throwsAsync(tearDown(), { message: /left alive after TERM.*\/bin\/sleep 60/s });
  await waitFor(() => holdfast.processes().length === 0, 20_000, 'the end of the orphan');
  t.false(existsSync(holdfast.dir), 'and its directory is removed all the same');
});

test('a master that does not stop fails the test, and is ended', async (t) => {
  const { holdfast, tearDown } = await startPretending('stubborn');
  await t.throwsAsync(tearDown(), { message: /left alive after TERM.*holdfast: master/s });
  await waitFor(() => holdfast.processes().length === 0, 20_000, 'the end of the master');
});

test('an error in the log fails the test that does not expect it', async (t) => {
  const unexpected = await startPretending('error', patient);
  await t.throwsAsync(unexpected.tearDown(), { message: /unexpected errors.*pretended trouble/s });
  const expected = await startPretending('error', { ...patient, allowErrors: [/pretended trouble/] });
  await t.notThrowsAsync(expected.tearDown());
});

test('a test that failed already gets the log, not more failures', async (t) => {
  const { t: inner, tearDown, said, holdfast } = await startPretending('orphan');
  Object.assign(inner, { passed: false });
  await t.notThrowsAsync(tearDown());
  t.regex(String(said), /master.ready/);
  await waitFor(() => holdfast.processes().length === 0, 20_000, 'the end of everything');
});
