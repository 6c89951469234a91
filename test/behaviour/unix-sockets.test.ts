// Unix sockets, by path and abstract: lossless through upgrades and reloads, given back when somebody removed the file, removed only by their owner.

import { once } from 'node:events';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { ask } from '../support/ask.js';
import { listeningUnix } from '../support/descriptors.js';
import { heavily, rounds } from '../support/heavy.js';
import { HELD_LONG, holdAtEach, holdRequest } from '../support/held-request.js';
import { holdCommitted } from '../support/held-upgrade.js';
import { type Holdfast, startHoldfast, type Target } from '../support/holdfast.js';
import { launcher } from '../support/launcher.js';
import { everyKind, startLoad } from '../support/load/index.js';
import { assertLossless } from '../support/load/lossless.js';
import { fixture } from '../support/paths.js';
import { Releases } from '../support/releases.js';
import { freeze, thaw } from '../support/signals.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

const KEEP_ALIVE = 5_000;
const UPGRADES = rounds(4, 10);

/** Resolves when a request is connected and sent, whether it is accepted or not. */
async function connected(target: { readonly socketPath: string } | Target, path: string): Promise<{ readonly body: Promise<string> }> {
  const asked = request({ ...target, path, agent: false }).end();
  const body = new Promise<string>((resolve, reject) => {
    asked.on('error', reject).on('response', (response) => response.setEncoding('utf8').on('data', resolve).on('error', reject));
  });
  body.catch(() => {});
  const [socket] = (await once(asked, 'socket')) as [Socket];
  if (socket.connecting) await once(socket, 'connect');
  return { body };
}

test('by path: upgrades and reloads lose nothing, keep the file and its mode, and the last one removes it', async (t) => {
  const dir = tempDir(t);
  const path = join(dir, 'shop.sock');
  const holdfast = await startHoldfast(t, { args: ['-w', '2', '-b', `unix:${path}?mode=0606`], stopMs: 40_000 });
  const { ino } = lstatSync(path);
  const load = startLoad(t, { target: { path }, mix: everyKind, keepAliveTimeoutMs: KEEP_ALIVE });
  await load.warm(2);
  for (const turn of ['upgrade', 'reload', 'upgrade', 'upgrade', 'reload'] as const) {
    t.regex((await holdfast[turn]()).event ?? '', /done$/);
    await load.mark();
    await load.answeredAtLeast(200);
    t.deepEqual([lstatSync(path).ino, statSync(path).mode & 0o777], [ino, 0o606]);
  }
  assertLossless(t, await load.stop());
  await holdfast.stop();
  t.deepEqual(readdirSync(dir), []);
});

test(heavily(`abstract: ${UPGRADES} upgrades lose nothing`), async (t) => {
  const abstract = `holdfast-test-${process.pid}`;
  const holdfast = await startHoldfast(t, { args: ['-w', '2', '-b', `unix:@${abstract}`], stopMs: 40_000 });
  const load = startLoad(t, { target: { abstract }, mix: everyKind, keepAliveTimeoutMs: KEEP_ALIVE });
  await load.warm(2);
  for (let upgrade = 1; upgrade <= UPGRADES; upgrade += 1) {
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    await load.mark();
    await load.answeredAtLeast(200);
  }
  assertLossless(t, await load.stop());
});

test('a file keeps its mode when the next settings ask for another one, and a warning has the chmod', async (t) => {
  const path = join(tempDir(t), 'shop.sock');
  const next = launcher(t, `-w 1 -b unix:${path}?mode=0600`);
  const holdfast = await startHoldfast(t, next.options);
  const warned = () => holdfast.log.filter(({ level }) => level === 'warning').map(({ msg }) => msg);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  t.deepEqual(warned(), []);
  next.write(`-w 1 -b unix:${path}?mode=0660`);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  t.is(statSync(path).mode & 0o777, 0o600);
  t.deepEqual(warned(), [`unix:${path} keeps the mode and the owner of its file, which are others than asked for: chmod 0660 ${path}`]);
  chmodSync(path, 0o660);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  t.is(warned().length, 1);
});

test('a file that somebody removed is back after HUP, with its mode, and those who were connected lose nothing', async (t) => {
  const dir = tempDir(t);
  const path = join(dir, 'shop.sock');
  const holdfast = await startHoldfast(t, { args: ['-w', '2', '-b', `unix:${path}?mode=0606`], stopMs: 40_000 });
  const { ino } = lstatSync(path);
  // They keep their connections.
  const load = startLoad(t, { target: { path }, mix: { slow: 4, longPoll: 4 }, keepAliveTimeoutMs: KEEP_ALIVE });
  await load.warm(1);
  for (let turn = 1; turn <= 3; turn += 1) {
    const { ino: before } = lstatSync(path);
    unlinkSync(path);
    // Who connects now is refused; the load's clients hold connections, until the reload says that they are to close.
    t.is((await holdfast.reload()).event, 'reload.done');
    t.deepEqual([lstatSync(path).ino === before, statSync(path).mode & 0o777], [false, 0o606]);
    // Nobody whose connection ends looks for the path while it is away.
    await waitFor(() => holdfast.workers().length === 2, 30_000, 'the end of the old workers');
    await load.mark();
    await load.answeredAtLeast(8);
  }
  t.not(lstatSync(path).ino, ino);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  t.is((await ask({ socketPath: path })).status, 200);
  await load.mark();
  await load.answeredAtLeast(8);
  assertLossless(t, await load.stop());
  await holdfast.stop();
  t.deepEqual(readdirSync(dir), []);
});

test('who waits on a socket whose file is gone is served before its last worker leaves', async (t) => {
  const path = join(tempDir(t), 'shop.sock');
  const holdfast = await startHoldfast(t, { args: ['-w', '1', '-b', `unix:${path}`], stopMs: 40_000 });
  const [worker] = holdfast.workers();
  // It stands still: whoever comes now is queued, and still is when the new worker accepts.
  await freeze(t, worker?.pid ?? 0);
  const waiting = await Promise.all(Array.from({ length: 5 }, () => connected({ socketPath: path }, '/pid')));
  unlinkSync(path);
  const after = holdfast.log.length;
  const reload = holdfast.reload();
  await holdfast.event('worker.ready', undefined, { after });
  thaw(worker?.pid ?? 0);
  for (const answer of waiting) t.is(await answer.body, String(worker?.pid));
  t.is((await reload).event, 'reload.done');
  t.not((await ask({ socketPath: path }, '/pid')).body, String(worker?.pid));
});

for (const signal of ['SIGHUP', 'SIGUSR2'] as const)
  test(`who waits on a socket whose file is gone, and whose workers a WINCH has drained, is served by those that ${signal} brings`, async (t) => {
    const dir = tempDir(t);
    const path = join(dir, 'shop.sock');
    const holdfast = await startHoldfast(t, { args: ['-w', '2', '-b', `unix:${path}`] });
    holdfast.signal('SIGWINCH');
    await waitFor(() => holdfast.workers().length === 0, 20_000, 'no workers');
    const waiting = await Promise.all(Array.from({ length: 5 }, () => connected({ socketPath: path }, '/pid')));
    unlinkSync(path);
    t.is(
      (await (signal === 'SIGHUP' ? holdfast.reload() : holdfast.upgrade())).event,
      signal === 'SIGHUP' ? 'reload.done' : 'upgrade.done',
    );
    const workers = holdfast.workers().map(({ pid }) => String(pid));
    for (const answer of waiting) t.true(workers.includes(await answer.body));
    t.true(workers.includes((await ask({ socketPath: path }, '/pid')).body));
    await waitFor(() => listeningUnix(dir) === 1, 20_000, 'the end of the old socket');
  });

test('a path that a successor gave back is taken over from it when it is killed, and leads to somebody who accepts at every moment', async (t) => {
  const dir = tempDir(t);
  const path = join(dir, 'shop.sock');
  const args = ['-w', '2', '-b', '127.0.0.1:0', '-b', `unix:${path}?mode=0606`, '--graceful-timeout', '60'];
  const holdfast = await startHoldfast(t, { args, stopMs: 40_000, allowErrors: [/died/] });
  const retiree = holdfast.pid();
  const old = await holdRequest(holdfast);
  unlinkSync(path);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  const theirs = await holdAtEach(holdfast, [holdfast.workers(2)[0]?.pid ?? 0]);
  const load = startLoad(t, { target: { path }, mix: { short: 4, keepAlive: 4 }, keepAliveTimeoutMs: KEEP_ALIVE });
  await load.warm(2);
  process.kill(holdfast.pid(), 'SIGKILL');
  await holdfast.says(/in charge again/);
  await holdfast.event('drain.start', ({ gen }) => gen === 2);
  await load.mark();
  await load.answeredAtLeast(100);
  assertLossless(t, await load.stop());
  t.is(holdfast.pid(), retiree);
  t.false(
    [old, ...theirs].some(({ over }) => over),
    'both drain',
  );
  t.deepEqual([readdirSync(dir), statSync(path).mode & 0o777], [['shop.sock'], 0o606]);
  for (const each of [old, ...theirs]) t.is(await each.answer(), 'held');
  await waitFor(() => listeningUnix(dir) === 1, 20_000, 'the end of the other sockets');
  await holdfast.stop();
  t.deepEqual(readdirSync(dir), []);
});

test('and where its retiree has not drained yet, for somebody waits on the old socket', async (t) => {
  const dir = tempDir(t);
  const path = join(dir, 'shop.sock');
  const holdfast = await startHoldfast(t, {
    args: ['-w', '1', '-b', '127.0.0.1:0', '-b', `unix:${path}`],
    stopMs: 40_000,
    allowErrors: [/died/],
  });
  const retiree = holdfast.pid();
  const [worker] = holdfast.workers();
  await freeze(t, worker?.pid ?? 0);
  const waiting = await connected({ socketPath: path }, '/pid');
  unlinkSync(path);
  await holdfast.upgrade();
  const successor = holdfast.pid();
  const load = startLoad(t, { target: { path }, mix: { short: 2 }, keepAliveTimeoutMs: KEEP_ALIVE });
  process.kill(successor, 'SIGKILL');
  await holdfast.says(/in charge again/);
  thaw(worker?.pid ?? 0);
  await holdfast.event('drain.start', ({ gen }) => gen === 2);
  await load.mark();
  await load.answeredAtLeast(100);
  assertLossless(t, await load.stop());
  t.regex(await waiting.body, /^\d+$/, 'he is served, by old workers or by new ones');
  t.is(holdfast.pid(), retiree);
  await waitFor(() => holdfast.processes().length === 2, 20_000, 'one master and one worker alone');
  await waitFor(() => listeningUnix(dir) === 1, 20_000, 'the end of the other sockets');
});

test('a retiree that returns a second time takes over what the second successor gave back, and says nothing of the first', async (t) => {
  const dir = tempDir(t);
  const [first, second] = [join(dir, 'first.sock'), join(dir, 'second.sock')];
  const args = ['-w', '1', '-b', '127.0.0.1:0', '-b', `unix:${first}`, '-b', `unix:${second}`, ...HELD_LONG];
  const holdfast = await startHoldfast(t, { args, stopMs: 40_000, allowErrors: [/died/] });
  const retiree = holdfast.pid();
  const again = () => holdfast.log.flatMap(({ msg = '' }) => /^listening on unix:(.*) again/.exec(msg)?.[1] ?? []);
  for (const [turn, path] of [first, second].entries()) {
    const held = await holdRequest(holdfast);
    unlinkSync(path);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    process.kill(holdfast.pid(), 'SIGKILL');
    await waitFor(() => again().length > turn, 20_000, 'the return');
    t.is((await ask({ socketPath: path })).status, 200);
    t.is(await held.answer(), 'held');
    await waitFor(() => holdfast.processes().length === 2 && listeningUnix(dir) === 2, 20_000, 'the old generation alone');
  }
  t.deepEqual([holdfast.pid(), again()], [retiree, [first, second]]);
  await holdfast.stop();
  t.deepEqual(readdirSync(dir), []);
});

test('a path that a candidate gave back leads on to somebody who accepts when that is killed between commit and serving', async (t) => {
  const dir = tempDir(t);
  const [path, hold] = ['shop.sock', 'hold'].map((name) => join(dir, name)) as [string, string];
  const env = { HOLD: hold, NODE_OPTIONS: `--import=${pathToFileURL(fixture('slow-unlock.mjs'))}` };
  const releases = new Releases(t, 1);
  const holdfast = await startHoldfast(t, {
    app: releases.app,
    cwd: releases.current,
    args: ['-w', '1', '-b', '127.0.0.1:0', '-b', `unix:${path}`],
    env,
    stopMs: 40_000,
    allowErrors: [/upgrade\.rollback/],
  });
  unlinkSync(path);
  const { incumbent, candidate } = await holdCommitted(t, holdfast, releases, 1);
  // It does not leave the section of the pidfile, which names it then.
  writeFileSync(hold, '');
  thaw(candidate);
  await waitFor(() => holdfast.pid() === candidate, 20_000, 'the candidate in the pidfile');
  const load = startLoad(t, { target: { path }, mix: { short: 2, keepAlive: 2 }, keepAliveTimeoutMs: KEEP_ALIVE });
  await load.warm(2);
  process.kill(candidate, 'SIGKILL');
  unlinkSync(hold);
  await holdfast.event('upgrade.rollback');
  await load.mark();
  await load.answeredAtLeast(100);
  assertLossless(t, await load.stop());
  t.is(holdfast.pid(), incumbent);
  await waitFor(() => holdfast.processes().length === 2 && listeningUnix(dir) === 1, 20_000, 'the incumbent alone, with one socket');
  await holdfast.stop();
  t.deepEqual(readdirSync(dir), []);
});

for (const [who, back] of [
  ['the new one is told to stop', (holdfast: Holdfast) => process.kill(holdfast.pidIn('.2'), 'SIGTERM')],
  ['the new one is killed', (holdfast: Holdfast) => process.kill(holdfast.pidIn('.2'), 'SIGKILL')],
] as const)
  test(`by hand, a path that the new generation gave back leads on to somebody who accepts when ${who}`, async (t) => {
    const dir = tempDir(t);
    const path = join(dir, 'shop.sock');
    const holdfast = await startHoldfast(t, {
      args: ['-w', '2', '--upgrade', 'manual', '-b', '127.0.0.1:0', '-b', `unix:${path}?mode=0606`],
      stopMs: 40_000,
      allowErrors: [/upgrade\.rollback/, /the candidate gives up/],
    });
    unlinkSync(path);
    holdfast.signal('SIGUSR2');
    await holdfast.event('upgrade.ready', (line) => line['candidate'] !== undefined);
    const load = startLoad(t, { target: { path }, mix: { short: 4, keepAlive: 4 }, keepAliveTimeoutMs: KEEP_ALIVE });
    await load.warm(2);
    back(holdfast);
    await holdfast.event('upgrade.rollback');
    await load.mark();
    await load.answeredAtLeast(100);
    assertLossless(t, await load.stop());
    t.deepEqual([readdirSync(dir), statSync(path).mode & 0o777], [['shop.sock'], 0o606]);
    await waitFor(() => holdfast.processes().length === 3 && listeningUnix(dir) === 1, 20_000, 'the old generation alone, with one socket');
    await holdfast.stop();
    t.deepEqual(readdirSync(dir), []);
  });

for (const [signal, given] of [
  ['SIGTERM', /withdrawing: cancel: leaving/],
  ['SIGKILL', /recovering: accepting: reverting/],
] as const)
  test(`by hand, who waits where only the new generation accepts is served when it gets ${signal}`, async (t) => {
    const dir = tempDir(t);
    const [back, added] = [join(dir, 'back.sock'), join(dir, 'added.sock')];
    const args = `-w 1 --upgrade manual --log-level debug -b 127.0.0.1:0 -b unix:${back}`;
    const next = launcher(t, args);
    const holdfast = await startHoldfast(t, { ...next.options, stopMs: 40_000, allowErrors: [/upgrade\.rollback/] });
    const host = `127.${1 + (process.pid % 250)}.${1 + Math.floor(Math.random() * 250)}.7`;
    // The kernel tells nobody who waits on a TCP socket that only a dead master's workers hold.
    const tcp = signal === 'SIGTERM' ? [{ host, port: holdfast.port }] : [];
    next.write([args, `-b unix:${added}`, ...tcp.map(({ port }) => `-b ${host}:${port}`)].join(' '));
    unlinkSync(back);
    holdfast.signal('SIGUSR2');
    await holdfast.event('upgrade.ready', (line) => line['candidate'] !== undefined);
    const [worker] = holdfast.workers(2);
    await freeze(t, worker?.pid ?? 0);
    const targets = [{ socketPath: back }, { socketPath: added }, ...tcp];
    const waiting = await Promise.all(targets.flatMap((target) => [1, 2, 3].map(() => connected(target, '/pid'))));
    process.kill(holdfast.pidIn('.2'), signal);
    await holdfast.says(given);
    thaw(worker?.pid ?? 0);
    for (const answer of waiting) t.is(await answer.body, String(worker?.pid));
    await holdfast.event('upgrade.rollback');
    t.deepEqual(readdirSync(dir), ['back.sock']);
  });

test("a candidate that took a killed incumbent's place, and cannot bind what its settings add, leaves no file when it is told to stop", async (t) => {
  const dir = tempDir(t);
  const [path, gate, late] = ['shop.sock', 'gate', 'late.mjs'].map((name) => join(dir, name)) as [string, string, string];
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  // The candidate does nothing until the incumbent is dead.
  writeFileSync(
    late,
    `import { existsSync, writeFileSync } from 'node:fs';
     const candidate = process.env.HOLDFAST_HANDOVER !== undefined;
     if (candidate) writeFileSync(${JSON.stringify(gate)} + '.reached', '');
     while (candidate && !existsSync(${JSON.stringify(gate)})) await new Promise((resolve) => setTimeout(resolve, 10));`,
  );
  const next = launcher(t, `-b unix:${path}`);
  const holdfast = await startHoldfast(t, { nodeArgs: ['--import', late], ...next.options, allowErrors: [/in use by/, /died/] });
  next.write(`-b unix:${path} -b 127.0.0.1:${(taken.address() as AddressInfo).port}`);
  const incumbent = holdfast.signal('SIGUSR2');
  await waitFor(() => existsSync(`${gate}.reached`), 20_000, 'the candidate');
  process.kill(incumbent, 'SIGKILL');
  writeFileSync(gate, '');
  const { pid } = await holdfast.says(/in use by .*; trying again/);
  await holdfast.says(/taking its place/);
  process.kill(Number(pid), 'SIGTERM');
  await holdfast.gone();
  t.false(existsSync(path));
});

test('a reload lives with a path whose directory is none any more, and the next one gives the file back', async (t) => {
  const dir = join(tempDir(t), 'run');
  mkdirSync(dir);
  const path = join(dir, 'shop.sock');
  const holdfast = await startHoldfast(t, { args: ['-w', '1', '-b', '127.0.0.1:0', '-b', `unix:${path}`] });
  const master = holdfast.pid();
  renameSync(dir, `${dir}.away`);
  writeFileSync(dir, '');
  t.is((await holdfast.reload()).event, 'reload.done');
  t.deepEqual([holdfast.pid(), (await ask(holdfast.target)).status], [master, 200]);
  unlinkSync(dir);
  mkdirSync(dir);
  t.is((await holdfast.reload()).event, 'reload.done');
  t.is((await ask({ socketPath: path })).status, 200);
});

test('a reload that fails leaves no second socket, and the next one gives the file back', async (t) => {
  const dir = tempDir(t);
  const path = join(dir, 'shop.sock');
  const releases = new Releases(t, 1);
  const bad = releases.addBad('throws');
  const holdfast = await startHoldfast(t, {
    args: ['-w', '2', '-b', `unix:${path}`],
    cwd: releases.current,
    app: releases.app,
    allowErrors: [/reload failed/],
  });
  unlinkSync(path);
  releases.point(bad);
  t.is((await holdfast.reload()).event, 'reload.failed');
  t.deepEqual(readdirSync(dir), []);
  releases.point(1);
  t.is((await holdfast.reload()).event, 'reload.done');
  t.is((await ask({ socketPath: path })).status, 200);
});

test('a path that somebody else has taken is left to them, with a warning, and the reload goes on', async (t) => {
  const path = join(tempDir(t), 'shop.sock');
  const holdfast = await startHoldfast(t, { args: ['-b', `unix:${path}`] });
  unlinkSync(path);
  const other = createServer((socket) => socket.on('error', () => {}).end('other')).listen(path);
  await once(other, 'listening');
  t.teardown(() => other.close());
  t.is((await holdfast.reload()).event, 'reload.done');
  const warned = holdfast.log.filter(({ level }) => level === 'warning').map(({ msg }) => msg);
  t.deepEqual(warned, [`cannot bind unix:${path}: in use by node (pid ${process.pid})`]);
  await holdfast.stop();
  t.true(existsSync(path), 'it was not ours to remove');
});

test('a live owner is refused, naming it; a second instance changes nothing; a dead owner is replaced', async (t) => {
  const path = join(tempDir(t), 'shop.sock');
  const first = await startHoldfast(t, { args: ['-b', `unix:${path}`], allowErrors: true });
  const second = await startHoldfast(t, { args: ['-b', `unix:${path}`], untilReady: false, allowErrors: [/in use by/] });
  t.is((await second.exit).status, 1);
  t.is(second.stderr, `holdfast: cannot bind unix:${path}: in use by holdfast (pid ${first.pid()})\n`);
  t.is((await ask({ socketPath: path })).status, 200);
  for (const { pid } of first.processes()) process.kill(pid, 'SIGKILL');
  await first.gone();
  t.true(existsSync(path));
  await startHoldfast(t, { args: ['-b', `unix:${path}`] });
  t.is((await ask({ socketPath: path })).status, 200);
});

test('a path that is too long, its temporary name included, is refused before anything else happens', async (t) => {
  const dir = tempDir(t);
  const limit = (process.platform === 'darwin' ? 103 : 107) - 8;
  const fits = join(dir, 'a'.repeat(limit - dir.length - 1));
  const refused = await startHoldfast(t, { args: ['-b', `unix:${fits}a`], untilReady: false, allowErrors: [/cannot bind/] });
  t.is((await refused.exit).status, 2);
  t.is(
    refused.stderr,
    `holdfast: cannot bind unix:${fits}a: its path has ${limit + 1} bytes, and a unix socket's may have ${limit} here (8 are needed for the temporary name)\n`,
  );
  t.deepEqual(readdirSync(dir), []);
  // Relative, it is the whole path that counts.
  const relative = await startHoldfast(t, {
    args: ['-b', `unix:${'a'.repeat(limit - 1)}`],
    untilReady: false,
    allowErrors: [/cannot bind/],
  });
  t.is((await relative.exit).status, 2);
  await startHoldfast(t, { args: ['-b', `unix:${fits}`] });
  t.is((await ask({ socketPath: fits })).status, 200);
});
