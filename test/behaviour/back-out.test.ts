// A bad release never serves: rolled back without a trace, and a good one right after commits.
import { existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import test from 'ava';
import { ask } from '../support/ask.js';
import { commitInTime } from '../support/commit.js';
import { descriptors } from '../support/descriptors.js';
import { startHoldfast } from '../support/holdfast.js';
import { startLoad } from '../support/load/index.js';
import { assertLossless } from '../support/load/lossless.js';
import { type Fault, faults, Releases } from '../support/releases.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

/** What the log, and a deploy script, must be told. */
const reasons: Readonly<Record<Fault, RegExp>> = {
  throws: /this release throws at import/,
  syntax: /Unexpected end of input at .*server\.js:1$/,
  exits: /exited with status 7 before it was ready/,
  loops: /was not ready within --upgrade-timeout/,
  rejects: /this release rejects/,
  rejectsLater: /cannot load .*server\.js: nobody catches this at .*server\.js:1/,
  listening: /cannot load .*server\.js: this release cannot listen at .*server\.js:2/,
  number: /nothing servable/,
  nothing: /nothing servable/,
  probe: /^probe \/health answered 500/,
  missing: /cannot load .*server\.js: no such file/,
  deleted: /^cannot start the candidate: there is no directory .*current$/,
};

for (const fault of faults) {
  test(`a release whose fault is "${fault}" is rolled back, and a good one right after commits`, async (t) => {
    const releases = new Releases(t);
    const scratch = tempDir(t);
    const holdfast = await startHoldfast(t, {
      app: releases.app,
      cwd: releases.current,
      // Short only for the one that is to reach it.
      args: ['-w', '2', ...(fault === 'loops' ? ['--upgrade-timeout', '4'] : []), '--probe', '/health'],
      env: { TMPDIR: scratch },
      allowErrors: [/upgrade\.rollback/],
    });
    const load = await startLoad(t, {
      target: holdfast.target,
      mix: { short: 2, keepAlive: 4, slow: 1 },
      keepAliveTimeoutMs: 5_000,
      shortPerSecond: 200,
    });
    await load.warm(1);
    const master = holdfast.pid();
    const before = {
      workers: holdfast.workers(),
      fds: descriptors(master).count,
      files: readdirSync(dirname(holdfast.pidfile ?? '')).sort(),
    };

    releases.point(releases.addBad(fault));
    const verdict = await holdfast.upgrade();
    t.is(verdict.event, 'upgrade.rollback');
    t.regex(String(verdict['reason']), reasons[fault]);
    t.deepEqual(holdfast.workers(), before.workers, 'the same workers');
    t.is(descriptors(master).count, before.fds, 'the same descriptors');
    t.deepEqual(readdirSync(dirname(holdfast.pidfile ?? '')).sort(), before.files, 'no file is left');
    t.deepEqual(readdirSync(scratch), [], 'nothing in the directory for temporary files');
    t.is(holdfast.processes().length, 3, 'no process is left');

    releases.point(releases.add());
    await commitInTime(t, holdfast);
    await waitFor(async () => (await ask(holdfast.target)).headers['x-release'] === '3', 20_000, 'an answer of the good release');
    t.false(existsSync(`${holdfast.pidfile}.2`));
    assertLossless(t, await load.stop());
  });
}

test('a release whose error message is longer than a message may be is rolled back with the beginning of it', async (t) => {
  const releases = new Releases(t);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, allowErrors: [/upgrade\.rollback/] });
  releases.point(releases.add(`throw new Error('it begins here ' + 'and goes on '.repeat(100_000));`));
  const { event, reason } = await holdfast.upgrade();
  t.is(event, 'upgrade.rollback');
  t.regex(String(reason), /^cannot load .*: it begins here and goes on .* \.\.\.$/);
  t.true(String(reason).length < 10_000);
});

test('what a bad release has started itself ends with it', async (t) => {
  const releases = new Releases(t);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, allowErrors: [/upgrade\.rollback/] });
  const stays = `import { spawn } from 'node:child_process'; spawn('sleep', ['600'], { stdio: 'ignore' }).unref(); await new Promise((started) => setTimeout(started, 100));`;
  releases.point(releases.add(`${stays} throw new Error('and leaves a child behind');`));
  t.regex(String((await holdfast.upgrade()).reason), /and leaves a child behind/);
  t.deepEqual(
    holdfast.processes().map(({ role }) => role),
    ['master', 'worker'],
  );
});
