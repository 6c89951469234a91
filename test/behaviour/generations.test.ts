// What ten upgrades leave behind: nothing.
import { existsSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { ask } from '../support/ask.js';
import { descriptors } from '../support/descriptors.js';
import { startHoldfast } from '../support/holdfast.js';
import { holdfastCommand } from '../support/paths.js';
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
  await waitFor(() => isDeepStrictEqual(holdfast.workers(), workers), 5_000, 'the same workers, and nobody else');
});

test('without a pidfile an upgrade works as well', async (t) => {
  const holdfast = await startHoldfast(t, { pidfile: false });
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  t.is((await ask(holdfast.target)).status, 200);
});

test('a reload whose workers die as soon as they accept fails, and a good one right after succeeds', async (t) => {
  const releases = new Releases(t);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args: ['-w', '2'], allowErrors: [/reload\.failed/] });
  const workers = holdfast.workers();
  const dying = `import { createServer } from 'node:http'; export default createServer().on('listening', () => process.exit(9));`;
  releases.point(releases.add(dying));
  t.is((await holdfast.reload()).event, 'reload.failed');
  await waitFor(() => isDeepStrictEqual(holdfast.workers(), workers), 5_000, 'the same workers, and nobody else');
  releases.point(releases.add());
  t.is((await holdfast.reload()).event, 'reload.done');
});

test('a worker that dies after its release was deleted is replaced from where the path leads now', async (t) => {
  const releases = new Releases(t, 2);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args: ['-w', '1'] });
  releases.point(2);
  releases.remove(1);
  const [worker] = holdfast.workers();
  const after = holdfast.log.length;
  process.kill(worker?.pid ?? 0, 'SIGKILL');
  await holdfast.event('worker.ready', undefined, { after });
  t.true(holdfast.log.some((line) => /another release than its siblings/.test(String(line.msg))));
  await waitFor(async () => (await ask(holdfast.target)).headers['x-release'] === '2', 5_000, 'an answer of release 2');
});

test('a unix socket keeps its file through upgrades and a roll-back', async (t) => {
  const releases = new Releases(t);
  const path = join(releases.root, 'shop.sock');
  const args = ['-b', '127.0.0.1:0', '-b', `unix:${path}`];
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args, allowErrors: [/upgrade\.rollback/] });
  const { ino } = statSync(path);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  releases.point(releases.addBad('throws'));
  t.is((await holdfast.upgrade()).event, 'upgrade.rollback');
  releases.point(1);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  t.is(statSync(path).ino, ino);
  t.is((await ask({ socketPath: path })).status, 200);
  t.deepEqual(readdirSync(releases.root).sort(), ['current', 'releases', 'shop.sock']);
  await holdfast.stop();
  t.false(existsSync(path));
});

test('a command that npx wrote down by the physical directory leads through the link all the same', async (t) => {
  const releases = new Releases(t, 2);
  for (const release of [1, 2]) symlinkSync(holdfastCommand, join(releases.dir(release), 'holdfast'));
  const command = join(releases.dir(1), 'holdfast');
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, command });
  releases.point(2);
  releases.remove(1);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  await waitFor(async () => (await ask(holdfast.target)).headers['x-release'] === '2', 5_000, 'an answer of release 2');
});
