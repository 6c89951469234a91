import { closeSync, linkSync, mkdirSync, openSync, renameSync, rmSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ava, { type ExecutionContext } from 'ava';
import { liveMaster, Pidfile } from '#src/pidfile/index.js';
import { tryLock } from '#src/sys/file-lock.js';
import { watchPidfile } from '../support/pidfile-watch.js';
import { descriptorLinks } from '../support/proc.js';
import { tempDir } from '../support/temp.js';
import { filesIn, named, type Player, player } from './pidfile-player.js';

// One at a time: they start many processes, and measure.
const test = ava.serial;

/** The test's own process is the incumbent at `path`, a child its candidate. */
async function upgrading(t: ExecutionContext): Promise<{ dir: string; path: string; incumbent: Pidfile; candidate: Player }> {
  const dir = tempDir(t);
  const path = join(dir, 'shop.pid');
  const incumbent = await Pidfile.claim(path);
  t.teardown(() => incumbent.release());
  const candidate = await player(t);
  await candidate.do('propose', path);
  return { dir, path, incumbent, candidate };
}

/** Children are both. */
async function upgradingChildren(t: ExecutionContext): Promise<{ dir: string; path: string; incumbent: Player; candidate: Player }> {
  const dir = tempDir(t);
  const path = join(dir, 'shop.pid');
  const [incumbent, candidate] = [await player(t), await player(t)];
  await incumbent.do('claim', path);
  await candidate.do('propose', path);
  return { dir, path, incumbent, candidate };
}

async function timed<T>(act: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  const value = await act();
  return [value, performance.now() - start];
}

test('a candidate takes over the file of an incumbent that was killed', async (t) => {
  const { dir, path, incumbent, candidate } = await upgradingChildren(t);
  await incumbent.kill();
  t.true(await candidate.do('succeed', incumbent.pid));
  t.is(liveMaster(path), candidate.pid);
  t.deepEqual(filesIn(dir), ['shop.pid']);
});

test('a candidate whose PATH.2 was removed takes over all the same', async (t) => {
  const { dir, path, incumbent, candidate } = await upgradingChildren(t);
  unlinkSync(`${path}.2`);
  await incumbent.kill();
  t.true(await candidate.do('succeed', incumbent.pid));
  t.is(liveMaster(path), candidate.pid);
  t.deepEqual(filesIn(dir), ['shop.pid']);
});

test('a candidate that had linked PATH.oldbin when its predecessor was killed removes it', async (t) => {
  const { dir, path, incumbent, candidate } = await upgradingChildren(t);
  linkSync(path, `${path}.oldbin`);
  await incumbent.kill();
  t.true(await candidate.do('succeed', incumbent.pid));
  t.deepEqual(filesIn(dir), ['shop.pid']);
});

test('a candidate that had rotated already stays in charge when its predecessor is killed', async (t) => {
  const { dir, path, incumbent, candidate } = await upgradingChildren(t);
  await candidate.do('rotate');
  await incumbent.kill();
  t.true(await candidate.do('succeed', incumbent.pid));
  t.is(liveMaster(path), candidate.pid);
  t.deepEqual(filesIn(dir), ['shop.pid']);
});

test('a candidate does not take PATH from a live incumbent, nor when it names another, nor when it is gone', async (t) => {
  const { dir, path, candidate } = await upgrading(t);
  t.false(await candidate.do('succeed', process.pid));
  t.is(liveMaster(path), process.pid);
  t.false(await candidate.do('succeed', 1));
  renameSync(path, join(dir, 'elsewhere'));
  t.false(await candidate.do('succeed', process.pid));
  writeFileSync(path, '1\n');
  t.false(await candidate.do('succeed', process.pid), 'dead, and named otherwise');
  t.is(named(path), 1);
  t.is(named(`${path}.2`), candidate.pid);
  renameSync(join(dir, 'elsewhere'), path);
});

test('a candidate waits for a predecessor that is still dying', async (t) => {
  const { path, incumbent, candidate } = await upgradingChildren(t);
  const succeeded = candidate.do('succeed', incumbent.pid);
  await candidate.do('ping');
  await incumbent.kill();
  t.true(await succeeded);
  t.is(liveMaster(path), candidate.pid);
});

test('a succession leaves the file of an older retiree that lives', async (t) => {
  const { dir, path, incumbent, candidate } = await upgradingChildren(t);
  await candidate.do('rotate');
  const third = await player(t);
  await third.do('propose', path);
  await candidate.kill();
  t.true(await third.do('succeed', candidate.pid));
  t.is(liveMaster(path), third.pid);
  t.is(liveMaster(`${path}.oldbin`), incumbent.pid);
  t.deepEqual(filesIn(dir), ['shop.pid', 'shop.pid.oldbin']);
});

test('of a candidate and a retiree that both outlive the incumbent exactly one gets the file', async (t) => {
  const { path, incumbent: retiree, candidate: middle } = await upgradingChildren(t);
  await middle.do('rotate');
  const candidate = await player(t);
  await candidate.do('propose', path);
  await middle.kill();
  const [returned, succeeded] = await Promise.all([retiree.do('restore', middle.pid), candidate.do('succeed', middle.pid)]);
  t.true(returned !== succeeded);
  t.is(liveMaster(path), returned === true ? retiree.pid : candidate.pid);
});

test('a retiree whose successor was killed has its very file back at PATH', async (t) => {
  const { dir, path, incumbent, candidate } = await upgrading(t);
  const { ino } = statSync(path);
  await candidate.do('rotate');
  await candidate.kill();
  t.true(await incumbent.restore(candidate.pid));
  t.is(statSync(path).ino, ino);
  t.is(liveMaster(path), process.pid);
  t.deepEqual(filesIn(dir), ['shop.pid']);
});

test('a successor that died after PATH.oldbin was linked and before PATH was replaced leaves no trace', async (t) => {
  const { dir, path, incumbent, candidate } = await upgrading(t);
  linkSync(path, `${path}.oldbin`);
  linkSync(path, `${path}.${candidate.pid}.0123abcd.tmp`);
  await candidate.kill();
  t.true(await incumbent.restore(candidate.pid));
  t.is(liveMaster(path), process.pid);
  t.deepEqual(filesIn(dir), ['shop.pid']);
});

test('a retiree without PATH.oldbin writes its file anew', async (t) => {
  const { dir, path, incumbent, candidate } = await upgrading(t);
  await candidate.do('rotate');
  unlinkSync(`${path}.oldbin`);
  await candidate.kill();
  t.true(await incumbent.restore(candidate.pid));
  t.is(liveMaster(path), process.pid);
  t.deepEqual(filesIn(dir), ['shop.pid']);
  await incumbent.release();
  t.deepEqual(filesIn(dir), []);
  t.deepEqual(
    descriptorLinks(process.pid).filter(({ target }) => target.startsWith(dir)),
    [],
    'no descriptor is left',
  );
});

test('a retiree does not take PATH from a live successor, nor when it names another, nor when the successor removed it', async (t) => {
  const { path, incumbent, candidate } = await upgrading(t);
  await candidate.do('rotate');
  t.false(await incumbent.restore(candidate.pid));
  t.is(liveMaster(path), candidate.pid);
  t.false(await incumbent.restore(1));
  await candidate.do('release');
  t.false(await incumbent.restore(candidate.pid));
  t.is(liveMaster(`${path}.oldbin`), process.pid);
});

test('an incumbent removes PATH.2 of a dead candidate, and keeps that of a live one unless it is told its pid', async (t) => {
  const { dir, path, incumbent, candidate } = await upgrading(t);
  await incumbent.discardCandidate();
  await incumbent.discardCandidate(1);
  t.is(named(`${path}.2`), candidate.pid);
  await incumbent.discardCandidate(candidate.pid);
  t.deepEqual(filesIn(dir), ['shop.pid']);

  await candidate.do('propose', path);
  writeFileSync(`${path}.${candidate.pid}.0123abcd.tmp`, '');
  await candidate.kill();
  await incumbent.discardCandidate();
  t.deepEqual(filesIn(dir), ['shop.pid']);
  t.is(liveMaster(path), process.pid);
});

test('an incumbent removes PATH.oldbin of a retiree that was killed, and keeps that of another that lives', async (t) => {
  const { dir, path, incumbent: retiree, candidate: successor } = await upgradingChildren(t);
  await successor.do('rotate');
  await successor.do('discardRetiree', 1);
  t.is(liveMaster(`${path}.oldbin`), retiree.pid);
  await retiree.kill();
  await successor.do('discardRetiree', retiree.pid);
  t.is(liveMaster(path), successor.pid);
  t.deepEqual(filesIn(dir), ['shop.pid']);
});

test('a survivor does not wait for the section that its partner was killed in', async (t) => {
  const { path, incumbent, candidate } = await upgrading(t);
  await candidate.do('rotate');
  await candidate.do('enterSection', path);
  await candidate.kill();
  const [restored, ms] = await timed(() => incumbent.restore(candidate.pid));
  t.true(restored);
  t.true(ms < 1900, `${ms} ms`);

  const next = await player(t);
  await next.do('propose', path);
  await next.do('enterSection', path);
  await next.kill();
  const [, discarding] = await timed(() => incumbent.discardCandidate(next.pid));
  t.true(discarding < 1900, `${discarding} ms`);
});

test('a candidate does not wait for the section that its predecessor was killed in', async (t) => {
  const { path, incumbent, candidate } = await upgradingChildren(t);
  await incumbent.do('enterSection', path);
  await incumbent.kill();
  const [succeeded, ms] = await timed(() => candidate.do('succeed', incumbent.pid));
  t.true(succeeded);
  t.true(ms < 1900, `${ms} ms`);
});

test('a first start waits out the section of a holder that was killed', async (t) => {
  const path = join(tempDir(t), 'shop.pid');
  const starting = await player(t);
  await starting.do('enterSection', path);
  await starting.kill();
  const file = await Pidfile.claim(path);
  t.is(liveMaster(path), process.pid);
  await file.release();
});

test('a section from before the clock was set back by an hour does not bar a first start', async (t) => {
  const path = join(tempDir(t), 'shop.pid');
  mkdirSync(`${path}.lock`);
  const later = Date.now() / 1000 + 3600;
  utimesSync(`${path}.lock`, later, later);
  const file = await Pidfile.claim(path);
  t.is(liveMaster(path), process.pid);
  await file.release();
});

test('a survivor keeps the lock of the dead file until it has replaced it, so that without a section too nobody else can', async (t) => {
  const { path, incumbent, candidate } = await upgradingChildren(t);
  await incumbent.kill();
  const dead = openSync(path, 'r');
  t.teardown(() => closeSync(dead));
  // A file where the section's directory should be: in nobody's way when it is stale, until then as good as held.
  writeFileSync(`${path}.lock`, '');
  const succeeded = candidate.do('succeed', incumbent.pid);
  await candidate.do('ping');
  t.is(named(path), incumbent.pid);
  t.false(tryLock(dead));
  t.true(await succeeded);
  t.true(tryLock(dead));
  t.is(liveMaster(path), candidate.pid);
});

test('a rotation goes on without a section that somebody alive does not leave', async (t) => {
  const { dir, path, candidate } = await upgrading(t);
  const rude = await player(t);
  await rude.do('enterSection', path);
  const [, ms] = await timed(() => candidate.do('rotate'));
  t.is(liveMaster(path), candidate.pid);
  t.true(ms < 20_000, `${ms} ms`);
  t.deepEqual(filesIn(dir), ['shop.pid', 'shop.pid.lock', 'shop.pid.oldbin']);
});

test('a first start is refused when the section is held by somebody alive or obstructed, and leaves nothing behind', async (t) => {
  const dir = tempDir(t);
  const path = join(dir, 'shop.pid');
  const rude = await player(t);
  await rude.do('enterSection', path);
  const refusal = { name: 'HoldfastError', message: `cannot start: ${path}.lock is in the way; remove it if nothing else is starting` };
  await t.throwsAsync(() => Pidfile.claim(path), refusal);
  t.deepEqual(filesIn(dir), ['shop.pid.lock']);
  await rude.kill();
  rmSync(`${path}.lock`, { recursive: true });
  writeFileSync(`${path}.lock`, '');
  utimesSync(`${path}.lock`, 1, 1);
  await t.throwsAsync(() => Pidfile.claim(path), refusal);
});

test('PATH is never missing, empty or half-written while successors are killed and their retiree returns', async (t) => {
  const { path, incumbent, candidate } = await upgrading(t);
  await candidate.kill();
  await incumbent.discardCandidate();
  const watch = await watchPidfile(t, path);
  for (let round = 0; round < 12; round += 1) {
    const successor = await player(t);
    await successor.do('propose', path);
    await successor.do('rotate');
    await successor.kill();
    t.true(await incumbent.restore(successor.pid));
  }
  const { missing, empty, malformed } = await watch.stop();
  t.deepEqual({ missing, empty, malformed }, { missing: 0, empty: 0, malformed: 0 });
  t.is(liveMaster(path), process.pid);
});
