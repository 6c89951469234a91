// What some upgrades leave behind: nothing. HOLDFAST_UPGRADES says how many.
import { existsSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { ask } from '../support/ask.js';
import { caughtUp } from '../support/caught-up.js';
import { descriptors } from '../support/descriptors.js';
import { dueDescriptors } from '../support/due-descriptors.js';
import { heavily, heavyTest, rounds } from '../support/heavy.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { holdfastCommand } from '../support/paths.js';
import { watchPidfile } from '../support/pidfile-watch.js';
import { commandLine, environmentOf, rss } from '../support/proc.js';
import { Releases } from '../support/releases.js';
import { steady } from '../support/settled.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

const UPGRADES = Number(process.env['HOLDFAST_UPGRADES'] ?? rounds(6, 40));
/** Of the resident memory of one program that is started twice. */
const NOISE = 0.05;

test(heavily(`${UPGRADES} upgrades grow nothing, and the pidfile never lies`), async (t) => {
  t.timeout(60_000 + UPGRADES * 30_000);
  const holdfast = await startHoldfast(t, { args: ['-w', '2', '--log-level', 'debug'] });
  const watch = await watchPidfile(t, holdfast.pidfile ?? '');
  const pids = [holdfast.pid()];
  const sizes: ReturnType<typeof sizesOf>[] = [];
  const memory: number[] = [];
  const { master, worker } = await dueDescriptors(t, { workers: 2, listeners: 1 });
  const due = { master, workers: [worker, worker] };
  t.like(await steady(() => sizesOf(holdfast)), due, 'the first generation');
  for (let generation = 2; generation <= UPGRADES + 1; generation += 1) {
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    await waitFor(() => holdfast.processes().length === 3, 20_000, 'the new generation alone');
    await caughtUp(holdfast, pids.slice(-1));
    pids.push(holdfast.pid());
    sizes.push(await steady(() => sizesOf(holdfast)));
    memory.push(rss(holdfast.pid()));
  }
  for (const each of sizes) t.deepEqual(each, { ...sizes[0], ...due });
  assertSteady(t, memory);
  t.deepEqual(holdfast.strayFiles(), []);
  const { reads, missing, empty, malformed, dead, pids: seen } = await watch.stop();
  t.true(reads > 1_000);
  t.deepEqual({ missing, empty, malformed, dead }, { missing: 0, empty: 0, malformed: 0, dead: [] });
  t.deepEqual(seen, pids);
});

heavyTest(`${UPGRADES} reloads, and as many upgrades that are rolled back, grow nothing in a master that stays`, async (t) => {
  t.timeout(60_000 + UPGRADES * 20_000);
  const releases = new Releases(t);
  const holdfast = await startHoldfast(t, {
    app: releases.app,
    cwd: releases.current,
    args: ['-w', '2', '--log-level', 'debug'],
    // What is garbage is collected at once: else it grows by 10 MiB before V8 looks at what has become old.
    nodeArgs: ['--gc-global'],
    allowErrors: [/upgrade\.rollback/],
  });
  const bad = releases.addBad('throws');
  const sizes: ReturnType<typeof sizesOf>[] = [];
  const memory: number[] = [];
  for (let round = 1; round <= UPGRADES; round += 1) {
    releases.point(1);
    const old = holdfast.workers().map(({ pid }) => pid);
    t.is((await holdfast.reload()).event, 'reload.done');
    releases.point(bad);
    t.is((await holdfast.upgrade()).event, 'upgrade.rollback');
    await waitFor(() => holdfast.processes().length === 3, 20_000, 'the old workers to leave');
    await caughtUp(holdfast, old);
    sizes.push(await steady(() => sizesOf(holdfast)));
    memory.push(rss(holdfast.pid()));
  }
  for (const each of sizes) t.deepEqual(each, sizes[0]);
  // A heap finds its size first.
  assertSteady(t, memory.slice(Math.floor(UPGRADES / 3)));
});

test('the workers of a new generation were started before their master knew which one it is, and tell the app', async (t) => {
  const app = join(tempDir(t), 'app.mjs');
  writeFileSync(
    app,
    `import { writeSync } from 'node:fs';
     const said = 'an app of generation ' + process.env.HOLDFAST_GENERATION;
     writeSync(2, said + '\\n');
     export default (_req, res) => res.end(said);`,
  );
  const holdfast = await startHoldfast(t, { app, args: ['-w', '2'], allowErrors: [/^an app of generation/] });
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  await waitFor(() => holdfast.processes().length === 3, 20_000, 'the new generation alone');
  t.is((await ask(holdfast.target)).body, 'an app of generation 2');
  t.is(holdfast.stderr.match(/^an app of generation 2$/gm)?.length, 2, "their standard error is the operator's");
  // As many are sent ahead as there are processors; and none is left over.
  const ahead = holdfast.workers(2).filter(({ pid }) => !environmentOf(pid).has('HOLDFAST_GENERATION'));
  t.is(ahead.length, Math.min(2, availableParallelism()));
});

/** What each generation has, and what it was given: no noise in that. */
function sizesOf(holdfast: Holdfast) {
  const master = holdfast.pid();
  return {
    master: descriptors(master).kinds,
    workers: holdfast.workers().map(({ pid }) => descriptors(pid).kinds),
    // A pid and a generation have more or fewer figures.
    environment: [...environmentOf(master)].map(([name, value]) => `${name}=${value.replaceAll(/\d+/g, 'N')}`),
    title: commandLine(master).replaceAll(/\d+/g, 'N'),
  };
}

/** The last third has, on the average, as much as the first. Bytes. */
function assertSteady(t: ExecutionContext, memory: readonly number[]): void {
  const third = Math.floor(memory.length / 3);
  const first = mean(memory.slice(0, third));
  const last = mean(memory.slice(-third));
  const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  t.log(`resident memory, MiB: ${memory.map(mib).join(' ')}; first third ${mib(first)}, last third ${mib(last)}`);
  t.true(last < first * (1 + NOISE), `${mib(first)} MiB grew to ${mib(last)} MiB`);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

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
  await waitFor(() => holdfast.workers(1).length === 0, 20_000, 'the old worker to leave');
  t.is((await ask(holdfast.target)).headers['x-release'], '2');
  releases.remove(1);
  t.is((await ask(holdfast.target)).headers['x-release'], '2', 'the old directory may be deleted');
});

test('HUP resolves the release anew', async (t) => {
  const releases = new Releases(t, 2);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args: ['-w', '2'] });
  releases.point(2);
  t.is((await holdfast.reload()).event, 'reload.done');
  // Those before are told to drain before that line is written, and stop to accept a moment after it.
  await waitFor(() => holdfast.workers().length === 2, 20_000, 'the old workers to leave');
  t.is((await ask(holdfast.target)).headers['x-release'], '2');
  t.is(holdfast.workers().filter(({ gen }) => gen !== 1).length, 0, 'by the same master');
});

test('a reload that does not load leaves everything as it was', async (t) => {
  const releases = new Releases(t);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args: ['-w', '2'], allowErrors: [/reload\.failed/] });
  const workers = holdfast.workers();
  releases.point(releases.addBad('throws'));
  t.is((await holdfast.reload()).event, 'reload.failed');
  await waitFor(() => isDeepStrictEqual(holdfast.workers(), workers), 20_000, 'the same workers, and nobody else');
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
  await waitFor(() => isDeepStrictEqual(holdfast.workers(), workers), 20_000, 'the same workers, and nobody else');
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
  await waitFor(async () => (await ask(holdfast.target)).headers['x-release'] === '2', 20_000, 'an answer of release 2');
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
  await waitFor(async () => (await ask(holdfast.target)).headers['x-release'] === '2', 20_000, 'an answer of release 2');
});
