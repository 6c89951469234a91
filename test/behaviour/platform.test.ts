// Machines that are not this one, as far as they can be pretended here.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { ask } from '../support/ask.js';
import { startHoldfast } from '../support/holdfast.js';
import { fixture, holdfastCommand } from '../support/paths.js';
import { Releases } from '../support/releases.js';
import { waitFor } from '../support/wait.js';

const isWhere = (platform: string) => `--import=data:text/javascript,Object.defineProperty(process,'platform',{value:'${platform}'})`;

for (const platform of ['win32', 'freebsd']) {
  test(`on ${platform} the start is refused in one line, and help is not`, (t) => {
    const start = (arg: string) => spawnSync(process.execPath, [isWhere(platform), holdfastCommand, arg], { encoding: 'utf8' });
    const { status, stderr, stdout } = start(fixture('hello.js'));
    t.deepEqual([status, stdout], [1, '']);
    t.regex(stderr, new RegExp(`^holdfast: cannot run on ${platform}: only the system calls of Linux and macOS are known \\(.*\\)\\n$`));
    t.is(start('--help').status, 0);
    t.is(start('--version').status, 0);
  });
}

test('where there is no /proc it serves and upgrades through a moved link, and names nobody who holds a port', async (t) => {
  const releases = new Releases(t, 2);
  const env = { NODE_OPTIONS: `--import=${fixture('no-proc.mjs')}`, PATH: `${join(process.execPath, '..')}:${process.env['PATH']}` };
  const holdfast = await startHoldfast(t, { node: 'node', env, app: releases.app, cwd: releases.current });
  releases.point(2);
  releases.remove(1);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  await waitFor(() => holdfast.workers(1).length === 0, 20_000, 'the old worker to leave');
  t.is((await ask(holdfast.target)).headers['x-release'], '2');
  const [{ command } = {}] = holdfast.events('upgrade.start');
  t.is((command as string[])[0], 'node', 'found through PATH again');
  const second = await startHoldfast(t, { env, args: ['-b', `127.0.0.1:${holdfast.port}`], untilReady: false, allowErrors: true });
  t.is((await second.exit).status, 1);
  t.regex(second.stderr, /^holdfast: cannot bind 127\.0\.0\.1:\d+: in use\n$/);
});
