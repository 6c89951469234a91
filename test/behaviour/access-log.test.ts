// Every exchange has its line, once and whole: through rotations, reloads, upgrades and both kinds of stop, and with a disk that is full.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type AccessLine, accessLines, answeredNumbers } from '../support/access-log.js';
import { ask } from '../support/ask.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { everyKind, type Load, startLoad } from '../support/load/index.js';
import { assertLossless } from '../support/load/lossless.js';
import { fixture } from '../support/paths.js';
import { Releases } from '../support/releases.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

const KEEP_ALIVE = 5_000;
const HOT = { short: 4, hot: 8, keepAlive: 4 };

async function logged(t: ExecutionContext, workers: number, mix: Parameters<typeof startLoad>[1]['mix'], dir = tempDir(t)) {
  const file = join(dir, 'access');
  const args = ['-w', String(workers), '--access-logfile', file, '--access-logformat', 'json'];
  const holdfast = await startHoldfast(t, { args, stopMs: 40_000 });
  const load = startLoad(t, { target: holdfast.target, mix, keepAliveTimeoutMs: KEEP_ALIVE });
  await load.warm(2);
  return { file, holdfast, load };
}

/** Everything that was answered, and nothing else, stands in these files. */
async function assertAllLogged(t: ExecutionContext, holdfast: Holdfast, load: Load, files: readonly string[]): Promise<void> {
  const report = await load.stop();
  assertLossless(t, report);
  await holdfast.stop();
  t.is(answeredNumbers(files.flatMap(accessLines)).size, report.total);
}

test('every answer of every kind of client has its line, through reloads, upgrades and a stop', async (t) => {
  const { file, holdfast, load } = await logged(t, 2, everyKind);
  for (const event of ['upgrade.done', 'reload.done', 'upgrade.done'] as const) {
    t.is((await (event === 'upgrade.done' ? holdfast.upgrade() : holdfast.reload())).event, event);
    await load.mark();
    await load.answeredAtLeast(300);
  }
  await assertAllLogged(t, holdfast, load, [file]);
  const lines = accessLines(file);
  t.deepEqual([...new Set(lines.map(({ gen }) => gen))].sort(), [1, 2, 3]);
  for (const { path, bytes } of lines.filter(({ complete }) => complete)) if (path === '/slow') t.is(bytes, 'slow\n'.length);
});

test('ten rotations under load, by rename and USR1, lose no line and tear none', async (t) => {
  const { file, holdfast, load } = await logged(t, 4, HOT);
  const rotated = Array.from({ length: 10 }, (_, turn) => `${file}.${turn}`);
  for (const name of rotated) {
    renameSync(file, name);
    holdfast.signal('SIGUSR1');
    await waitFor(() => existsSync(file), 20_000, 'the new file');
    await load.mark();
    await load.answeredAtLeast(200);
  }
  await assertAllLogged(t, holdfast, load, [...rotated, file]);
  t.true(rotated.slice(1).every((name) => statSync(name).size > 0));
});

test('copytruncate: who appends goes on at the new beginning, with whole lines and no holes', async (t) => {
  const { file, holdfast, load } = await logged(t, 4, HOT);
  for (let turn = 0; turn < 10; turn += 1) {
    copyFileSync(file, `${file}.copy`);
    truncateSync(file);
    await load.mark();
    await load.answeredAtLeast(200);
    t.notThrows(() => accessLines(file));
  }
  assertLossless(t, await load.stop());
  await holdfast.stop();
  t.true(accessLines(file).length >= 200);
});

test('a quick stop writes what was answered, and what it cut', async (t) => {
  const file = join(tempDir(t), 'access');
  const holdfast = await startHoldfast(t, { args: ['--access-logfile', file, '--access-logformat', '%(s)s %(U)s %(b)s'] });
  await ask(holdfast.target, '/pid');
  const cut = request({ ...holdfast.target, path: '/slow?ms=60000', agent: false });
  const begun = new Promise<void>((resolve) => cut.on('error', () => resolve()).on('close', resolve));
  cut.end();
  // Its head is written when a second one on another connection is answered: both came to the one worker, in this order.
  await new Promise((resolve) => cut.once('socket', (socket) => socket.once('connect', resolve)));
  await ask(holdfast.target, '/pid');
  holdfast.signal('SIGINT');
  await Promise.all([begun, holdfast.gone()]);
  t.deepEqual(
    readFileSync(file, 'utf8')
      .replaceAll(/ \d+\n/g, '\n')
      .split('\n'),
    ['200 /pid', '200 /pid', '499 /slow -', ''],
  );
});

test('an exception that nobody catches does not take the lines with it', async (t) => {
  const file = join(tempDir(t), 'access');
  const releases = new Releases(t, 0);
  releases.add(
    'export default (req, res) => { res.end("x"); if (req.url === "/last") setImmediate(() => { throw new Error("out of order"); }); };',
  );
  releases.point(1);
  const holdfast = await startHoldfast(t, {
    args: ['--access-logfile', file, '--access-logformat', '%(U)s'],
    cwd: releases.current,
    app: releases.app,
    allowErrors: true,
  });
  for (const path of ['/1', '/2', '/3', '/last']) await ask(holdfast.target, path).catch(() => undefined);
  await holdfast.event('worker.exit');
  t.is(readFileSync(file, 'utf8'), '/1\n/2\n/3\n/last\n');
});

test('USR1 to a worker reopens its files, and only its own', async (t) => {
  const file = join(tempDir(t), 'access');
  const holdfast = await startHoldfast(t, { args: ['--access-logfile', file] });
  const [worker] = holdfast.workers();
  renameSync(file, `${file}.1`);
  process.kill(worker?.pid ?? 0, 'SIGUSR1');
  await waitFor(() => existsSync(file), 20_000, 'the new file');
  await ask(holdfast.target);
  await holdfast.stop();
  t.regex(readFileSync(file, 'utf8'), /^127\.0\.0\.1 - - \[.*\] "GET \/ HTTP\/1\.1" 200 24 "-" "-"\n$/);
  t.is(readFileSync(`${file}.1`, 'utf8'), '');
});

test('off by default, and - is the standard output', async (t) => {
  const quiet = await startHoldfast(t);
  await ask(quiet.target, '/pid');
  await quiet.stop();
  t.notRegex(quiet.stdout, /\/pid/);
  const holdfast = await startHoldfast(t, { args: ['--access-logfile', '-'] });
  await ask(holdfast.target, '/pid');
  await holdfast.stop();
  t.regex(holdfast.stdout, /^127\.0\.0\.1 - - \[.*\] "GET \/pid HTTP\/1\.1" 200 \d+ "-" "-"$/m);
});

test('/dev/stderr is the standard error, a pipe too, over an upgrade and a reopening', async (t) => {
  // What is on the standard output is lost, so that what is read comes from the standard error.
  const under = ['sh', '-c', '"$@" 2>&1 >/dev/null | cat', 'sh'];
  const holdfast = await startHoldfast(t, { under, args: ['--log-file', '/dev/stderr', '--access-logfile', '/dev/stderr'] });
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  await holdfast.event('master.ready', ({ gen }) => gen === 2);
  holdfast.signal('SIGUSR1');
  await ask(holdfast.target, '/pid');
  await holdfast.stop();
  t.is(holdfast.events('master.exit').length, 2);
  t.regex(holdfast.stdout, /"GET \/pid HTTP\/1\.1" 200/);
  t.is(holdfast.stderr, '');
});

test('the probe is not in it', async (t) => {
  const file = join(tempDir(t), 'access');
  const holdfast = await startHoldfast(t, { args: ['--probe', '/pid', '--access-logfile', file, '--access-logformat', '%(U)s'] });
  await ask(holdfast.target, '/env');
  await holdfast.stop();
  t.is(readFileSync(file, 'utf8'), '/env\n');
});

test('a file that cannot be opened is refused at the start; one that is gone later costs its lines and nothing else', async (t) => {
  const dir = tempDir(t);
  const file = join(dir, 'logs', 'access');
  const refused = await startHoldfast(t, {
    args: ['--access-logfile', file],
    untilReady: false,
    allowErrors: [/cannot open the log file/],
  });
  t.is((await refused.exit).status, 1);
  t.is(refused.stderr, `holdfast: cannot open the log file ${file}: its directory does not exist (see --access-logfile)\n`);
  execFileSync('mkdir', [join(dir, 'logs')]);
  const holdfast = await startHoldfast(t, { args: ['--access-logfile', file] });
  renameSync(join(dir, 'logs'), join(dir, 'away'));
  t.is((await holdfast.reload()).event, 'reload.done');
  t.is((await ask(holdfast.target)).status, 200);
  t.true(
    holdfast.log.some(
      ({ level, msg }) => level === 'warning' && /there is no access log of this worker until USR1 finds it$/.test(msg ?? ''),
    ),
  );
  renameSync(join(dir, 'away'), join(dir, 'logs'));
  holdfast.signal('SIGUSR1');
  await waitFor(async () => (await ask(holdfast.target)).status === 200 && readFileSync(file, 'utf8') !== '', 20_000, 'a line');
});

test('a disk that is full stops nobody, is said, and the log goes on when there is room', async (t) => {
  if (process.getuid?.() !== 0) return void t.log('SKIPPED: only root can mount a small disk');
  const disk = tempDir(t);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk], { stdio: 'ignore' });
  } catch {
    return void t.log('SKIPPED: nothing can be mounted here');
  }
  t.teardown(() => execFileSync('umount', ['-l', disk]));
  const { file, holdfast, load } = await logged(t, 2, HOT, disk);
  const filler = join(disk, 'filler');
  t.throws(() => writeFileSync(filler, Buffer.alloc(4 * 1024 * 1024)), { code: 'ENOSPC' });
  const warnings = () => holdfast.log.filter(({ msg }) => /^cannot write .*access: no space left on device/.test(msg ?? ''));
  await waitFor(() => warnings().length === 2, 30_000, 'a warning of each worker');
  await load.mark();
  await load.answeredAtLeast(5_000);
  t.is(warnings().length, 2, 'and no more');
  rmSync(filler);
  const lost = () => holdfast.log.map(({ msg }) => Number(/^(\d+) lines of the access log were lost/.exec(msg ?? '')?.[1] ?? 0));
  await waitFor(() => lost().some((count) => count > 0), 30_000, 'the number of lines that were lost');
  await load.mark();
  await load.answeredAtLeast(200);
  const report = await load.stop();
  assertLossless(t, report);
  await holdfast.stop();
  const lines = readFileSync(file, 'utf8').split('\n');
  const whole = lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as AccessLine);
  // Of those who could write no more, each may have left the beginning of a line, which stands there again as a whole.
  t.true(lines.filter((line) => line !== '' && !line.endsWith('}')).length <= 2);
  t.is(answeredNumbers(whole).size + lost().reduce((sum, count) => sum + count), report.total);
});

test('--capture-output: what the app prints goes to the log file, and follows it', async (t) => {
  const file = join(tempDir(t), 'shop.log');
  const args = ['-w', '2', '--log-file', file, '--capture-output'];
  const holdfast = await startHoldfast(t, { args, app: fixture('prints.mjs'), untilReady: false });
  const bound = await waitFor(
    () => (existsSync(file) ? /serving on ([\d.]+):(\d+)/.exec(readFileSync(file, 'utf8')) : null),
    20_000,
    'ready',
  );
  const target = { host: bound[1] ?? '', port: Number(bound[2]) };
  await ask(target, '/before');
  renameSync(file, `${file}.1`);
  holdfast.signal('SIGUSR1');
  const followed = (pid: number) =>
    [1, 2].every((fd) => execFileSync('readlink', [`/proc/${pid}/fd/${fd}`], { encoding: 'utf8' }).trim() === file);
  await waitFor(() => holdfast.workers().every(({ pid }) => followed(pid)), 20_000, 'the standard streams of the workers on the new file');
  await ask(target, '/after');
  // A worker that starts now gets the new file, too.
  holdfast.signal('SIGHUP');
  await waitFor(() => /reload\.done/.test(readFileSync(file, 'utf8')), 20_000, 'the reload');
  await ask(target, '/reloaded');
  await holdfast.stop();
  const [before, after] = [`${file}.1`, file].map((name) =>
    readFileSync(name, 'utf8')
      .split('\n')
      .filter((line) => /^(out|err) /.test(line)),
  );
  t.deepEqual(before, ['out /before', 'err /before']);
  t.deepEqual(after, ['out /after', 'err /after', 'out /reloaded', 'err /reloaded']);
  t.is(holdfast.stdout + holdfast.stderr, '');
});
