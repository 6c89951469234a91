// What ten upgrades leave behind: nothing.
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import test from 'ava';
import { ask } from '../support/ask.js';
import { descriptors } from '../support/descriptors.js';
import { startHoldfast } from '../support/holdfast.js';
import { watchPidfile } from '../support/pidfile-watch.js';
import { Releases } from '../support/releases.js';
import { waitFor } from '../support/wait.js';

test('twelve upgrades grow nothing, and the pidfile never lies', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['-w', '2'] });
  const watch = await watchPidfile(t, holdfast.pidfile ?? '');
  const count = () => ({ master: descriptors(holdfast.pid()).count, workers: holdfast.workers().map(({ pid }) => descriptors(pid).count) });
  const counts: ReturnType<typeof count>[] = [];
  const pids = [holdfast.pid()];
  for (let generation = 2; generation <= 13; generation += 1) {
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    await waitFor(() => holdfast.processes().length === 3, 20_000, 'the new generation alone');
    pids.push(holdfast.pid());
    counts.push(count());
  }
  for (const each of counts) t.deepEqual(each, counts[0]);
  t.deepEqual(
    readdirSync(dirname(holdfast.pidfile ?? '')).filter((name) => name.startsWith('pid')),
    ['pid'],
  );
  const { reads, missing, empty, malformed, dead, pids: seen } = await watch.stop();
  t.true(reads > 1_000);
  t.deepEqual({ missing, empty, malformed, dead }, { missing: 0, empty: 0, malformed: 0, dead: [] });
  t.deepEqual(seen, pids);
});

test('a moved link is the next release for an upgrade, not for a worker that dies before', async (t) => {
  const releases = new Releases(t, 2);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args: ['-w', '1'] });
  releases.point(2);
  const [worker] = holdfast.workers();
  const after = holdfast.log.length;
  process.kill(worker?.pid ?? 0, 'SIGKILL');
  await holdfast.event('worker.ready', undefined, { after });
  t.is((await ask(holdfast.target)).headers['x-release'], '1', 'a replacement runs the old release');
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  await waitFor(() => holdfast.workers(1).length === 0, 10_000, 'the old worker to leave');
  t.is((await ask(holdfast.target)).headers['x-release'], '2');
  releases.remove(1);
  t.is((await ask(holdfast.target)).headers['x-release'], '2', 'the old directory may be deleted');
});

test('HUP resolves the release anew', async (t) => {
  const releases = new Releases(t, 2);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args: ['-w', '2'] });
  releases.point(2);
  t.is((await holdfast.reload()).event, 'reload.done');
  t.is((await ask(holdfast.target)).headers['x-release'], '2');
  t.is(holdfast.workers().filter(({ gen }) => gen !== 1).length, 0, 'by the same master');
});

test('a reload that does not load leaves everything as it was', async (t) => {
  const releases = new Releases(t);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args: ['-w', '2'], allowErrors: [/reload\.failed/] });
  const workers = holdfast.workers();
  releases.point(releases.addBad('throws'));
  t.is((await holdfast.reload()).event, 'reload.failed');
  t.deepEqual(holdfast.workers(), workers);
});

test('without a pidfile an upgrade works as well', async (t) => {
  const holdfast = await startHoldfast(t, { pidfile: false });
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  t.is((await ask(holdfast.target)).status, 200);
});
