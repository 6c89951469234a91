// A stopped process is not a dead one: SIGSTOP and SIGCONT of each party, before its deadline and after it, under load that loses nothing.
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { ask } from '../support/ask.js';
import { commitInTime } from '../support/commit.js';
import { heavyTest } from '../support/heavy.js';
import { HELD_LONG, holdRequest } from '../support/held-request.js';
import { holdCommitted, holdLoading, holdReady } from '../support/held-upgrade.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { startLoad } from '../support/load/index.js';
import { assertLossless } from '../support/load/lossless.js';
import { probeRefused } from '../support/probe-refused.js';
import { isAlive, waitGone } from '../support/proc.js';
import { Releases } from '../support/releases.js';
import { freeze, thaw } from '../support/signals.js';
import { addSlow } from '../support/slow-release.js';
import { waitFor } from '../support/wait.js';

/** Seconds from USR2 to *ready*, where a test waits for them to pass. */
const SHORT = ['--upgrade-timeout', '5'];
const MIX = { short: 2, keepAlive: 4, slow: 2 } as const;

async function underLoad(
  t: ExecutionContext,
  args: readonly string[],
  act: (holdfast: Holdfast, releases: Releases) => Promise<void>,
): Promise<void> {
  const releases = new Releases(t, 2);
  const holdfast = await startHoldfast(t, {
    app: releases.app,
    cwd: releases.current,
    args: ['-w', '2', ...HELD_LONG, ...args],
    allowErrors: [/upgrade\.rollback/, /the candidate gives up/],
    stopMs: 40_000,
  });
  const load = await startLoad(t, { target: holdfast.target, mix: MIX, keepAliveTimeoutMs: 5_000, shortPerSecond: 200 });
  await load.warm(2);
  const probing = probeRefused(t, holdfast.target, 5);
  await act(holdfast, releases);
  await load.mark();
  await load.answeredAtLeast(30);
  t.is((await probing.stop()).refused, 0, 'no connection is refused');
  assertLossless(t, await load.stop());
}

const wasStopped = (holdfast: Holdfast, pid: number) => holdfast.says(/^was stopped, or the machine slept/, (line) => line.pid === pid);

test('a candidate that is stopped for a moment while it loads is committed', (t) =>
  underLoad(t, [], async (holdfast, releases) => {
    const { candidate, slow } = await holdLoading(holdfast, releases);
    await freeze(t, candidate);
    slow.open();
    await waitFor(() => holdfast.workers(2).length === 2, 20_000, 'its workers');
    thaw(candidate);
    await holdfast.event('upgrade.done');
    t.is(holdfast.pid(), candidate);
  }));

test('a candidate that is stopped beyond the deadline is killed, so that nobody can continue it; the next one is committed', (t) =>
  underLoad(t, SHORT, async (holdfast, releases) => {
    const workers = holdfast.workers();
    const { candidate } = await holdLoading(holdfast, releases);
    await freeze(t, candidate);
    const { reason } = await holdfast.event('upgrade.rollback');
    t.regex(String(reason), /--upgrade-timeout/);
    t.false(isAlive(candidate));
    t.deepEqual(holdfast.workers(), workers);
    t.deepEqual(holdfast.strayFiles(), []);
    releases.point(2);
    await commitInTime(t, holdfast);
  }));

test('a candidate that is stopped for a moment between commit and serving serves', (t) =>
  underLoad(t, [], async (holdfast, releases) => {
    const { candidate, incumbent } = await holdCommitted(t, holdfast, releases);
    t.is(holdfast.pid(), incumbent);
    thaw(candidate);
    await holdfast.event('upgrade.done');
    t.is(holdfast.pid(), candidate);
  }));

test('an incumbent that is stopped for a moment before the candidate is ready commits it', (t) =>
  underLoad(t, [], async (holdfast, releases) => {
    const { candidate, incumbent } = await holdReady(t, holdfast, releases);
    thaw(incumbent);
    await holdfast.event('upgrade.done');
    t.is(holdfast.pid(), candidate);
  }));

heavyTest('an incumbent that is continued after its deadline, and before the candidate gives up, begins its limits again', (t) =>
  underLoad(t, SHORT, async (holdfast, releases) => {
    const { candidate, incumbent, slow } = await holdLoading(holdfast, releases);
    await freeze(t, incumbent);
    const stoppedAt = performance.now();
    // Its whole limit passes; the candidate has five seconds more.
    await waitFor(() => performance.now() - stoppedAt > 5_500, 10_000, 'the deadline to pass');
    thaw(incumbent);
    await wasStopped(holdfast, incumbent);
    slow.open();
    await holdfast.event('upgrade.done');
    t.is(holdfast.pid(), candidate);
  }),
);

test('an incumbent that is stopped between commit and serving retires when it is continued', (t) =>
  underLoad(t, [], async (holdfast, releases) => {
    const { candidate, incumbent } = await holdCommitted(t, holdfast, releases);
    await freeze(t, incumbent);
    thaw(candidate);
    await holdfast.event('master.ready', ({ pid }) => pid === candidate);
    t.is(holdfast.pid(), candidate, 'the candidate serves meanwhile, and the pidfile says so');
    t.is(holdfast.workers(1).length, 2, 'the old workers go on accepting');
    thaw(incumbent);
    await waitGone(incumbent, 20_000);
    t.false(existsSync(`${holdfast.pidfile}.oldbin`));
  }));

test('a stopped candidate whose incumbent is killed meanwhile takes its place when it is continued', (t) =>
  underLoad(t, [], async (holdfast, releases) => {
    const { candidate, incumbent, slow } = await holdLoading(holdfast, releases);
    await freeze(t, candidate);
    slow.open();
    process.kill(incumbent, 'SIGKILL');
    await waitGone(incumbent, 20_000);
    t.is(
      (await ask(holdfast.target)).headers['x-release'],
      '1',
      'the old workers go on accepting: even a stopped master holds their lease',
    );
    thaw(candidate);
    await holdfast.event('master.ready', ({ pid }) => pid === candidate);
    t.is(holdfast.pid(), candidate);
  }));

test('a stopped retiree stops no successor from serving, and leaves when it is continued', (t) =>
  underLoad(t, [], async (holdfast) => {
    const retiree = holdfast.pid();
    const long = await holdRequest(holdfast);
    await holdfast.upgrade();
    await freeze(t, retiree);
    t.is(await long.answer(), 'held', 'its workers need no master to finish what they serve');
    t.true(isAlive(retiree));
    thaw(retiree);
    await waitGone(retiree, 20_000);
    t.deepEqual(holdfast.strayFiles(), []);
  }));

test('with a stopped retiree, who cannot give its word, an upgrade is rolled back; and is done when it is continued', (t) =>
  underLoad(t, SHORT, async (holdfast) => {
    const retiree = holdfast.pid();
    const long = await holdRequest(holdfast);
    await commitInTime(t, holdfast);
    await freeze(t, retiree);
    const verdict = await holdfast.upgrade();
    t.is(verdict.event, 'upgrade.rollback');
    t.regex(String(verdict.reason), /^the generation before did not answer within --upgrade-timeout \(is it stopped\?\)$/);
    thaw(retiree);
    await commitInTime(t, holdfast);
    t.is(await long.answer(), 'held');
  }));

test('a stopped retiree returns when it is continued, and its successor was killed meanwhile', (t) =>
  underLoad(t, [], async (holdfast) => {
    const retiree = holdfast.pid();
    const long = await holdRequest(holdfast);
    await holdfast.upgrade();
    const successor = holdfast.pid();
    await freeze(t, retiree);
    process.kill(successor, 'SIGKILL');
    await waitGone(successor, 20_000);
    t.is((await ask(holdfast.target)).status, 200, "the dead one's workers go on accepting, for the retiree holds their lease");
    thaw(retiree);
    await waitFor(() => holdfast.pid() === retiree, 20_000, 'the retiree in the pidfile');
    t.is(await long.answer(), 'held');
    await waitFor(() => holdfast.processes().length === 3, 40_000, 'the first generation alone');
    t.deepEqual(holdfast.strayFiles(), []);
  }));

// Its workers have their limit and five seconds, and it has five more.
heavyTest('a stopped retiree that ignores a stop is killed in the end, and the incumbent leaves last', async (t) => {
  const LIMIT_MS = 3_000 + 5_000 + 5_000;
  const holdfast = await startHoldfast(t, { args: ['-w', '2', '--graceful-timeout', '1', '--keep-alive', '1'], stopMs: 40_000 });
  const retiree = holdfast.pid();
  const long = ask(holdfast.target, '/slow?ms=60000').catch(() => 'cut');
  await ask(holdfast.target);
  await holdfast.upgrade();
  await freeze(t, retiree);
  const incumbent = holdfast.signal('SIGTERM');
  const stopping = await holdfast.says(/^stopping: /, ({ pid }) => pid === incumbent);
  const killed = await holdfast.says(new RegExp(`^the retiree \\(pid ${retiree}\\) did not leave in time; it is killed$`));
  const waited = Date.parse(String(killed['time'])) - Date.parse(String(stopping['time']));
  t.true(waited >= LIMIT_MS && waited < 2 * LIMIT_MS, `${waited} ms`);
  t.true(isAlive(incumbent));
  t.is(await long, 'cut');
  await holdfast.gone();
  t.deepEqual(
    holdfast.events('master.exit').map(({ pid, status }) => ({ pid, status })),
    [{ pid: incumbent, status: 0 }],
  );
  t.deepEqual(holdfast.strayFiles(), []);
});

/** Milliseconds. From *commit* to *serving*; and how much sooner, and for how long, the incumbent is stopped: for less than what it would notice. */
const [COMMIT, SOONER, MOMENT] = [10_000, 400, 550] as const;

heavyTest(
  'an incumbent that is stopped for a moment at its deadline hears first what was said before, and that its successor has a candidate',
  async (t) => {
    const releases = new Releases(t, 2);
    // Nobody but the right to succeed decides, where there is no pidfile.
    const options = { app: releases.app, cwd: releases.current, args: ['-w', '2'], pidfile: false, stopMs: 40_000 };
    const holdfast = await startHoldfast(t, { ...options, allowErrors: [/was stopped/] });
    const slow = addSlow(releases);
    releases.point(slow.release);
    const incumbent = holdfast.signal('SIGUSR2');
    const candidate = Number((await holdfast.event('master.start', ({ gen }) => gen === 2)).pid);
    await waitFor(() => holdfast.workers(2).length === 2, 20_000, 'a candidate that loads');
    await freeze(t, incumbent);
    slow.open();
    await holdfast.event('upgrade.ready', ({ pid }) => pid === candidate);
    await freeze(t, candidate);
    thaw(incumbent);
    const deadline = Date.parse(String((await holdfast.event('upgrade.commit'))['time'])) + COMMIT;
    releases.point(2);
    await pause(deadline - SOONER - Date.now());
    await freeze(t, incumbent);
    thaw(candidate);
    await holdfast.event('master.ready', ({ pid }) => pid === candidate);
    process.kill(candidate, 'SIGUSR2');
    await pause(deadline - SOONER + MOMENT - Date.now());
    thaw(incumbent);
    const { pid } = await holdfast.event('master.ready', ({ gen }) => gen === 3);
    await waitFor(() => holdfast.processes().length === 3, 20_000, 'one generation alone');
    t.is(holdfast.events('upgrade.rollback').length, 0);
    process.kill(Number(pid), 'SIGTERM');
    await holdfast.gone();
  },
);
