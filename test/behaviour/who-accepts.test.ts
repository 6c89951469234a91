// At least as many workers accept as are wanted, at every moment of whatever replaces them.
import test, { type ExecutionContext } from 'ava';
import { HELD_LONG, holdRequest } from '../support/held-request.js';
import { holdLoading } from '../support/held-upgrade.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { addLate } from '../support/late-release.js';
import { waitGone } from '../support/proc.js';
import { Releases } from '../support/releases.js';
import { type SnapshotWatch, takeSnapshots } from '../support/snapshots.js';
import { waitFor } from '../support/wait.js';

const WANTED = 2;

interface Stage {
  readonly holdfast: Holdfast;
  readonly releases: Releases;
  readonly watch: SnapshotWatch;
}

/** Two workers accept at every moment from here to the end of what is done, and no master ever does. */
async function throughout(t: ExecutionContext, act: (stage: Stage) => Promise<void>): Promise<void> {
  const releases = new Releases(t);
  releases.point(addLate(releases));
  const holdfast = await startHoldfast(t, {
    app: releases.app,
    cwd: releases.current,
    args: ['-w', String(WANTED), ...HELD_LONG],
    allowErrors: [/upgrade\.rollback/, /reload\.failed/],
    stopMs: 40_000,
  });
  const masters = new Set([holdfast.pid()]);
  const watch = takeSnapshots(t, holdfast.mark, holdfast.port);
  await watch.until(WANTED);
  await act({ holdfast, releases, watch });
  masters.add(holdfast.pid());
  await waitFor(() => holdfast.processes().length === 1 + WANTED, 40_000, 'one generation alone');
  const { snapshots, least, leastWho, pids } = await watch.stop();
  t.true(snapshots > 5, `only ${snapshots} snapshots`);
  t.is(least, WANTED, `at some moment: ${leastWho}`);
  t.deepEqual(
    pids.filter((pid) => masters.has(pid)),
    [],
    'no master accepts',
  );
  t.log(`${snapshots} snapshots, ${pids.length} workers`);
}

test('during a reload', (t) =>
  throughout(t, async ({ holdfast }) => {
    t.is((await holdfast.reload()).event, 'reload.done');
  }));

test('during an upgrade', (t) =>
  throughout(t, async ({ holdfast }) => {
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
  }));

test('during an upgrade that is rolled back, and a reload that fails', (t) =>
  throughout(t, async ({ holdfast, releases }) => {
    releases.point(releases.addBad('throws'));
    t.is((await holdfast.upgrade()).event, 'upgrade.rollback');
    t.is((await holdfast.reload()).event, 'reload.failed');
  }));

test('while a worker that somebody else told TERM is replaced, and the other one with it', (t) =>
  throughout(t, async ({ holdfast }) => {
    // Old enough to count as healthy, and to be replaced at once.
    await waitFor(() => holdfast.workers().length === WANTED, 20_000, 'two workers');
    const before = holdfast.workers();
    for (const { pid } of before) process.kill(pid, 'SIGTERM');
    for (const { pid } of before) await waitGone(pid, 20_000);
    await waitFor(() => holdfast.workers().length === WANTED, 20_000, 'two new workers');
  }));

test('while there is one more for a time', (t) =>
  throughout(t, async ({ holdfast, watch }) => {
    holdfast.signal('SIGTTIN');
    await watch.until(WANTED + 1);
    holdfast.signal('SIGTTOU');
    await waitFor(() => holdfast.workers().length === WANTED, 20_000, 'two workers');
  }));

test('when the incumbent is killed in mid-upgrade, and the candidate takes its place', (t) =>
  throughout(t, async ({ holdfast, releases }) => {
    const { candidate, incumbent, slow } = await holdLoading(holdfast, releases);
    process.kill(incumbent, 'SIGKILL');
    slow.open();
    await holdfast.event('master.ready', (line) => line.pid === candidate);
  }));

test('when the successor is killed, and the retiree returns', (t) =>
  throughout(t, async ({ holdfast }) => {
    const retiree = holdfast.pid();
    const held = await holdRequest(holdfast);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    process.kill(holdfast.pid(), 'SIGKILL');
    await waitFor(() => holdfast.pid() === retiree, 20_000, 'the retiree in the pidfile');
    t.is(await held.answer(), 'held');
  }));
