// A bad release never serves: rolled back without a trace, and a good one right after commits.
import { existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import test from 'ava';
import { ask } from '../support/ask.js';
import { descriptors } from '../support/descriptors.js';
import { startHoldfast } from '../support/holdfast.js';
import { startLoad } from '../support/load/index.js';
import { assertLossless } from '../support/load/lossless.js';
import { faults, Releases } from '../support/releases.js';
import { waitFor } from '../support/wait.js';

for (const fault of faults.filter((one) => one !== 'probe')) {
  test(`a release whose fault is "${fault}" is rolled back, and a good one right after commits`, async (t) => {
    const releases = new Releases(t);
    const holdfast = await startHoldfast(t, {
      app: releases.app,
      cwd: releases.current,
      args: ['-w', '2', '--upgrade-timeout', '6'],
      allowErrors: [/upgrade\.rollback/],
    });
    const load = await startLoad(t, { target: holdfast.target, mix: { short: 2, keepAlive: 4, slow: 1 }, keepAliveTimeoutMs: 5_000 });
    await load.warm(3);
    const master = holdfast.pid();
    const before = {
      workers: holdfast.workers(),
      fds: descriptors(master).count,
      files: readdirSync(dirname(holdfast.pidfile ?? '')).sort(),
    };

    releases.point(releases.addBad(fault));
    const verdict = await holdfast.upgrade();
    t.is(verdict.event, 'upgrade.rollback');
    t.truthy(verdict['reason']);
    t.deepEqual(holdfast.workers(), before.workers, 'the same workers');
    t.is(descriptors(master).count, before.fds, 'the same descriptors');
    t.deepEqual(readdirSync(dirname(holdfast.pidfile ?? '')).sort(), before.files, 'no file is left');
    t.is(holdfast.processes().length, 3, 'no process is left');

    releases.point(releases.add());
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    await waitFor(async () => (await ask(holdfast.target)).headers['x-release'] === '3', 5_000, 'an answer of the good release');
    t.false(existsSync(`${holdfast.pidfile}.2`));
    assertLossless(t, await load.stop());
  });
}

test('a release that fails its probe is rolled back', async (t) => {
  const releases = new Releases(t);
  releases.add();
  const good = `export default (req, res) => res.end('well');`;
  releases.point(releases.add(good));
  const holdfast = await startHoldfast(t, {
    app: releases.app,
    cwd: releases.current,
    args: ['--probe', '/health'],
    allowErrors: [/upgrade\.rollback/],
  });
  releases.point(releases.addBad('probe'));
  const verdict = await holdfast.upgrade();
  t.is(verdict.event, 'upgrade.rollback');
  t.regex(String(verdict['reason']), /probe \/health answered 500/);
  t.is((await ask(holdfast.target)).body, 'well');
});
