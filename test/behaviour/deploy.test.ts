// Deploys as docs/deploy.md has them, and what becomes of a release that is deleted too early.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { documentation } from '../support/paths.js';
import { Releases } from '../support/releases.js';
import { tempDir } from '../support/temp.js';

const linux = process.platform === 'linux' ? test : test.skip;

/** The page's script, on the paths of this test. */
function scriptFor(holdfast: Holdfast, releases: Releases, log: string): string {
  const script = /```sh\n(#!\/bin\/sh\n.*?)```/s.exec(readFileSync(documentation('deploy.md'), 'utf8'))?.[1];
  if (script === undefined || holdfast.pidfile === undefined) throw new Error('no script, or no pidfile');
  return script.replaceAll('/srv/shop', releases.root).replaceAll('/var/log/shop.log', log).replaceAll('/run/shop.pid', holdfast.pidfile);
}

linux('the script of docs/deploy.md ends with 0 when the release serves, else with the reason, and the link where it was', async (t) => {
  const releases = new Releases(t, 2);
  const bad = releases.addBad('throws');
  const log = join(tempDir(t), 'log');
  const options = { app: releases.app, cwd: releases.current, logFile: log, allowErrors: [/upgrade\.rollback/] };
  const holdfast = await startHoldfast(t, options);
  const script = join(releases.root, 'deploy');
  writeFileSync(script, scriptFor(holdfast, releases, log));
  const deploy = async (release: number) => {
    const child = spawn('/bin/sh', [script, String(release)], { stdio: ['ignore', 'ignore', 'pipe'] });
    const [stderr, [status]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    return { status, stderr, current: readlinkSync(releases.current) };
  };
  t.deepEqual(await deploy(2), { status: 0, stderr: '', current: 'releases/2' });
  // The link cannot be moved, and so the release that serves must not be upgraded to itself.
  const next = join(releases.root, 'next');
  mkdirSync(next);
  const unmoved = await deploy(1);
  t.not(unmoved.status, 0);
  t.regex(unmoved.stderr, /^mv: /);
  t.is(unmoved.current, 'releases/2');
  t.is(holdfast.events('upgrade.start').length, 1);
  rmSync(next, { recursive: true });
  const refused = await deploy(bad);
  t.is(refused.status, 1);
  t.regex(refused.stderr, /"reason":"cannot load .*this release throws at import/);
  t.is(refused.current, 'releases/2');
});

linux(
  'a worker whose directory is gone is not said to be started; the line names the directory, and it starts when that is back',
  async (t) => {
    const releases = new Releases(t);
    const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current });
    renameSync(releases.dir(1), `${releases.dir(1)}.gone`);
    const [worker] = holdfast.workers();
    if (worker === undefined) throw new Error('no worker');
    process.kill(worker.pid, 'SIGKILL');
    const killed = await holdfast.event('worker.exit');
    const refused = await holdfast.event('worker.exit', () => true, { after: killed });
    t.regex(refused.msg ?? '', /^worker 1 was not started: .*there is no directory .*releases\/1; replaced in \d s$/);
    t.false('worker' in refused);
    t.is(holdfast.events('worker.spawn').length, 1);
    renameSync(`${releases.dir(1)}.gone`, releases.dir(1));
    await holdfast.event('worker.ready', ({ slot }) => slot === 1, { after: refused });
  },
);
