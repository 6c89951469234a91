// What an upgrade does where the system has nothing left to give: descriptors, or room for the pidfile. It is rolled back, or done without; nothing is lost.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { descriptors } from '../support/descriptors.js';
import { holdLoading } from '../support/held-upgrade.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { startLoad } from '../support/load/index.js';
import { assertLossless } from '../support/load/lossless.js';
import { fill, makeReadOnly, mayMount, mountSmall } from '../support/mounts.js';
import { holdfastCommand } from '../support/paths.js';
import { Releases } from '../support/releases.js';
import { addStrange } from '../support/strange-release.js';
import { waitFor } from '../support/wait.js';

const PLENTY = 1024;
const onSmall = mayMount ? test : test.skip;

async function underLoad(
  t: ExecutionContext,
  pidfile: string | true,
  allowErrors: readonly RegExp[],
  act: (holdfast: Holdfast, releases: Releases) => Promise<void>,
): Promise<void> {
  const releases = new Releases(t, 2);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args: ['-w', '2'], pidfile, allowErrors });
  const load = await startLoad(t, {
    target: holdfast.target,
    mix: { short: 2, keepAlive: 4, slow: 2 },
    keepAliveTimeoutMs: 5_000,
    shortPerSecond: 200,
  });
  await load.warm(2);
  await act(holdfast, releases);
  await load.mark();
  await load.answeredAtLeast(30);
  assertLossless(t, await load.stop());
}

/** prlimit(1): the soft limit of a process that runs. The candidate's Node raises its own to the hard one. */
function limitDescriptors(pid: number, count: number): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${count}:`]);
}

const ran = (holdfast: Holdfast) => ({ workers: holdfast.workers(), fds: descriptors(holdfast.pid()).kinds, files: holdfast.strayFiles() });
const NONE_LEFT = /no descriptors are left \(raise ulimit -n\)/;

for (const count of [20, 30, 38])
  test(`a master with ${count} descriptors rolls an upgrade back and says why, and one right after there are more commits`, (t) =>
    underLoad(t, true, [/upgrade\.rollback/], async (holdfast) => {
      const before = ran(holdfast);
      limitDescriptors(holdfast.pid(), count);
      const verdict = await holdfast.upgrade();
      t.is(verdict.event, 'upgrade.rollback');
      t.regex(String(verdict.reason), NONE_LEFT);
      t.deepEqual(ran(holdfast), before);
      limitDescriptors(holdfast.pid(), PLENTY);
      t.is((await holdfast.upgrade()).event, 'upgrade.done');
    }));

test('a candidate that runs out of descriptors while it loads is rolled back, and its reason says so', async (t) => {
  const releases = new Releases(t);
  releases.bring(1, []);
  const options = { app: releases.app, cwd: releases.current, command: releases.start, allowErrors: [/upgrade\.rollback/] };
  const holdfast = await startHoldfast(t, options);
  const before = ran(holdfast);
  // Whatever it needs: one is left to it.
  releases.point(
    addStrange(
      releases,
      `const { execFileSync } = await import('node:child_process');
       const { closeSync, openSync } = await import('node:fs');
       execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=60:60']);
       let last;
       try { for (;;) last = openSync('/dev/null'); } catch { closeSync(last); }
       await import(${JSON.stringify(holdfastCommand)});`,
    ),
  );
  const verdict = await holdfast.upgrade();
  t.is(verdict.event, 'upgrade.rollback');
  t.regex(String(verdict.reason), /no descriptors are left \(raise ulimit -n\)|EMFILE: too many open files/);
  t.deepEqual(ran(holdfast), before);
});

test('a worker that cannot be replaced for want of descriptors is replaced when there are some, and none is lost meanwhile', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['-w', '2'], stopMs: 30_000 });
  const { fds } = ran(holdfast);
  limitDescriptors(holdfast.pid(), 20);
  process.kill(holdfast.workers()[0]?.pid ?? 0, 'SIGKILL');
  await holdfast.says(/cannot start worker 1: no descriptors are left/);
  limitDescriptors(holdfast.pid(), PLENTY);
  await waitFor(() => isDeepStrictEqual(ran(holdfast).fds, fds), 20_000, 'the same descriptors');
  await waitFor(() => holdfast.workers().length === 2, 20_000, 'two workers');
  t.pass();
});

onSmall('on a file system that is full an upgrade is rolled back and says so, and one right after there is room commits', async (t) => {
  const dir = mountSmall(t);
  await underLoad(t, join(dir, 'pid'), [/upgrade\.rollback/], async (holdfast, releases) => {
    const workers = holdfast.workers();
    const room = fill(dir);
    releases.point(2);
    const verdict = await holdfast.upgrade();
    t.is(verdict.event, 'upgrade.rollback');
    t.regex(String(verdict.reason), /cannot use the pidfile .*: no space left on the file system/);
    t.deepEqual(holdfast.workers(), workers);
    room.undo();
    t.deepEqual(holdfast.strayFiles(), []);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
  });
});

onSmall('a file system that is full by the rotation stops no upgrade: a rename needs no room', async (t) => {
  const dir = mountSmall(t);
  await underLoad(t, join(dir, 'pid'), [], async (holdfast, releases) => {
    const { candidate, slow } = await holdLoading(holdfast, releases);
    const room = fill(dir);
    slow.open();
    await holdfast.event('upgrade.done');
    t.is(holdfast.pid(), candidate);
    await waitFor(() => holdfast.processes().length === 3, 20_000, 'the new generation alone');
    room.undo();
    t.deepEqual(holdfast.strayFiles(), []);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
  });
});

onSmall('a file system that is read-only by the rotation rolls the upgrade back, and one right after it is writable commits', async (t) => {
  const dir = mountSmall(t);
  await underLoad(t, join(dir, 'pid'), [/upgrade\.rollback/, /read-only/], async (holdfast, releases) => {
    const { incumbent, slow } = await holdLoading(holdfast, releases);
    const workers = holdfast.workers(1);
    const readOnly = makeReadOnly(t, dir);
    slow.open();
    const { reason } = await holdfast.event('upgrade.rollback');
    t.regex(String(reason), /cannot use the pidfile .* is on a read-only file system/);
    t.is(holdfast.pid(), incumbent);
    t.deepEqual(holdfast.workers(), workers);
    t.is(holdfast.processes().length, 3);
    readOnly.undo();
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    t.not(holdfast.pid(), incumbent);
    await waitFor(() => holdfast.strayFiles().length === 0, 20_000, 'no file beside the pidfile');
  });
});
