// Addresses that come, go or collide with an upgrade, for a release may bring its own options. Whoever uses the others notices nothing.
import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { ask } from '../support/ask.js';
import { descriptors, listeningOn } from '../support/descriptors.js';
import { HELD_LONG, holdRequest } from '../support/held-request.js';
import { type Holdfast, startHoldfast, type Target } from '../support/holdfast.js';
import { startLoad } from '../support/load/index.js';
import { assertLossless } from '../support/load/lossless.js';
import { Releases } from '../support/releases.js';
import { freeze, thaw } from '../support/signals.js';
import { addSlow } from '../support/slow-release.js';
import { waitFor } from '../support/wait.js';

interface Stage {
  readonly holdfast: Holdfast;
  readonly releases: Releases;
  /** Another address of this machine, on the same port: nobody else has it. */
  readonly other: Target & { readonly bind: string };
}

/** Started on 127.0.0.1 and a port; with `both` on the other address too, by what the first release brings. */
async function underLoad(t: ExecutionContext, both: boolean, act: (stage: Stage) => Promise<void>): Promise<void> {
  const releases = new Releases(t);
  const port = both ? await freePort() : 0;
  const host = `127.${1 + (process.pid % 250)}.${1 + Math.floor(Math.random() * 250)}.7`;
  releases.bring(1, both ? ['-b', `${host}:${port}`] : []);
  const holdfast = await startHoldfast(t, {
    app: releases.app,
    cwd: releases.current,
    command: releases.start,
    args: ['-w', '2', ...HELD_LONG, '-b', `127.0.0.1:${port}`],
    allowErrors: [/upgrade\.rollback/],
    stopMs: 30_000,
  });
  const target = { host: '127.0.0.1', port: holdfast.port };
  const load = await startLoad(t, { target, mix: { short: 2, keepAlive: 4, slow: 2 }, keepAliveTimeoutMs: 5_000, shortPerSecond: 200 });
  await load.warm(2);
  await act({ holdfast, releases, other: { host, port: holdfast.port, bind: `${host}:${holdfast.port}` } });
  await load.mark();
  await load.answeredAtLeast(30);
  assertLossless(t, await load.stop());
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

const outcome = (target: Target) =>
  ask(target, '/').then(
    ({ status }) => status,
    ({ code }: NodeJS.ErrnoException) => code,
  );

test('a new address refuses until the commit, and serves from then on', (t) =>
  underLoad(t, false, async ({ holdfast, releases, other }) => {
    const slow = addSlow(releases);
    releases.point(releases.bring(slow.release, ['-b', other.bind, '-w', '3']));
    const after = holdfast.log.length;
    holdfast.signal('SIGUSR2');
    await holdfast.event('master.start', undefined, { after });
    await waitFor(() => holdfast.workers(2).length > 0, 20_000, 'a candidate that loads');
    t.is(await outcome(other), 'ECONNREFUSED');
    slow.open();
    await holdfast.event('upgrade.done');
    t.is(await outcome(other), 200);
    await waitFor(() => holdfast.workers(1).length === 0, 20_000, 'the old workers to leave');
    t.is(holdfast.workers().length, 2, 'of two options that are given twice the one that was typed counts');
  }));

test('a bad release never listens on its new address, and leaves nothing of it', (t) =>
  underLoad(t, false, async ({ holdfast, releases, other }) => {
    const before = { workers: holdfast.workers(), fds: descriptors(holdfast.pid()).count };
    releases.point(releases.bring(releases.addBad('throws'), ['-b', other.bind]));
    t.is((await holdfast.upgrade()).event, 'upgrade.rollback');
    t.is(await outcome(other), 'ECONNREFUSED');
    t.deepEqual({ workers: holdfast.workers(), fds: descriptors(holdfast.pid()).count }, before);
    t.is(holdfast.events('listener.bound').length, 1);
  }));

test('a new address that is in use is a roll-back that names who has it', (t) =>
  underLoad(t, false, async ({ holdfast, releases, other }) => {
    const holder = createServer();
    t.teardown(() => holder.close());
    await new Promise<void>((resolve) => void holder.listen(other.port, other.host, resolve));
    const workers = holdfast.workers();
    releases.point(releases.bring(releases.add(), ['-b', other.bind]));
    const { event, reason } = await holdfast.upgrade();
    t.is(event, 'upgrade.rollback');
    t.is(reason, `cannot bind ${other.bind}: in use by node (pid ${process.pid})`);
    t.deepEqual(holdfast.workers(), workers);
    holder.close();
    t.is((await holdfast.upgrade()).event, 'upgrade.done', 'and commits when it is free');
    t.is(await outcome(other), 200);
  }));

test('a new address that overlaps an old one is a roll-back that says so', (t) =>
  underLoad(t, false, async ({ holdfast, releases }) => {
    const workers = holdfast.workers();
    releases.point(releases.bring(releases.add(), ['-b', `0.0.0.0:${holdfast.port}`]));
    const { event, reason } = await holdfast.upgrade();
    t.is(event, 'upgrade.rollback');
    t.regex(String(reason), new RegExp(`cannot bind 0\\.0\\.0\\.0:${holdfast.port}: .*overlap.*127\\.0\\.0\\.1:${holdfast.port}`));
    t.deepEqual(holdfast.workers(), workers);
  }));

test('whoever waits on an address that the new release gives up is served, and then nobody listens on it', (t) =>
  underLoad(t, true, async ({ holdfast, releases, other }) => {
    const old = holdfast.workers();
    releases.point(releases.bring(releases.add(), []));
    for (const { pid } of old) await freeze(t, pid);
    const waiting = Array.from({ length: 5 }, () => outcome(other));
    await holdfast.upgrade();
    for (const { pid } of old) thaw(pid);
    t.deepEqual(await Promise.all(waiting), [200, 200, 200, 200, 200]);
    await waitFor(async () => (await outcome(other)) === 'ECONNREFUSED', 20_000, 'nobody on the other address');
    await waitFor(() => holdfast.processes().length === 3, 30_000, 'the new generation alone');
  }));

test('a retiree that returns before that queue was empty keeps the address, and its workers', (t) =>
  underLoad(t, true, async ({ holdfast, releases, other }) => {
    const old = holdfast.workers();
    const retiree = holdfast.pid();
    releases.point(releases.bring(releases.add(), []));
    for (const { pid } of old) await freeze(t, pid);
    const waiting = Array.from({ length: 5 }, () => outcome(other));
    await holdfast.upgrade();
    process.kill(holdfast.pid(), 'SIGKILL');
    await waitFor(() => holdfast.pid() === retiree, 20_000, 'the retiree in the pidfile');
    for (const { pid } of old) thaw(pid);
    t.deepEqual(await Promise.all(waiting), [200, 200, 200, 200, 200]);
    await waitFor(() => holdfast.processes().length === 3, 30_000, 'the old generation alone');
    t.is(await outcome(other), 200);
    t.deepEqual(listeningOn(other.port).length, 3);
    t.deepEqual(
      holdfast.workers().map(({ gen }) => gen),
      [1, 1],
    );
    releases.point(1);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    t.is(await outcome(other), 200);
  }));

test('a retiree that returns when it had let the address go listens on it again', (t) =>
  underLoad(t, true, async ({ holdfast, releases, other }) => {
    const retiree = holdfast.pid();
    const { answer } = await holdRequest(holdfast);
    releases.point(releases.bring(releases.add(), []));
    await holdfast.upgrade();
    await waitFor(async () => (await outcome(other)) === 'ECONNREFUSED', 20_000, 'nobody on the other address');
    process.kill(holdfast.pid(), 'SIGKILL');
    await holdfast.event('listener.bound', ({ pid, msg }) => pid === retiree && msg === `listening on ${other.bind} again`);
    t.is(await answer(), 'held');
    t.is(await outcome(other), 200);
  }));
