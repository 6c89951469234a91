// Machines that are not this one, as far as they can be pretended here.
import { spawnSync } from 'node:child_process';
import { constants, copyFileSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { ask } from '../support/ask.js';
import { startHoldfast } from '../support/holdfast.js';
import { fixture, holdfastCommand, packageRoot } from '../support/paths.js';
import { Releases } from '../support/releases.js';
import { tempDir } from '../support/temp.js';
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

test('a Node that is too old is refused in one line, and so is an upgrade to it', async (t) => {
  const { engines } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { engines: { node: string } };
  const [, oldest = ''] = /^>=(\d+\.\d+)\.0$/.exec(engines.node) ?? [];
  const old = join(tempDir(t), 'old.mjs');
  writeFileSync(old, `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.18.3' } });`);
  const start = (arg: string) =>
    spawnSync(process.execPath, [`--import=${old}`, holdfastCommand, arg], { encoding: 'utf8', timeout: 20_000 });
  const { status, stderr, stdout } = start(fixture('hello.js'));
  t.deepEqual([status, stdout], [1, '']);
  t.is(stderr, `holdfast: cannot run on Node 20.18.3: ${oldest} or later is needed (\`node\` may lead to another one than you think)\n`);
  t.is(start('--version').status, 0);
  const current = join(tempDir(t), 'current.mjs');
  writeFileSync(current, '');
  const env = { NODE_OPTIONS: `--import=${current}` };
  const holdfast = await startHoldfast(t, { env, args: ['-w', '2'], allowErrors: [/upgrade\.rollback/] });
  renameSync(old, current);
  const { event, reason } = await holdfast.upgrade();
  t.is(event, 'upgrade.rollback');
  t.regex(String(reason), /^the candidate died before it said hello \(holdfast: cannot run on Node 20\.18\.3: .*\)$/);
});

const linux = process.platform === 'linux' ? test : test.skip;

linux('a generation whose Node was removed starts its workers from it all the same, until an upgrade finds another', async (t) => {
  const node = join(tempDir(t), 'node');
  copyFileSync(process.execPath, node, constants.COPYFILE_FICLONE);
  const holdfast = await startHoldfast(t, { node, args: ['-w', '2'], allowErrors: [/upgrade\.rollback/] });
  rmSync(node);
  const after = holdfast.log.length;
  const [dead] = holdfast.workers();
  process.kill(dead?.pid ?? 0, 'SIGKILL');
  const { worker } = await holdfast.event('worker.ready', ({ slot }) => slot === dead?.slot, { after });
  t.true(readlinkSync(`/proc/${worker}/exe`).endsWith(' (deleted)'));
  t.is((await holdfast.reload()).event, 'reload.done');
  t.regex(String((await holdfast.upgrade()).reason), /node: not found\)$/);
  t.is((await ask(holdfast.target)).status, 200);
  copyFileSync(process.execPath, node, constants.COPYFILE_FICLONE);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  for (const { pid } of holdfast.workers(2)) t.is(readlinkSync(`/proc/${pid}/exe`), node);
});

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
