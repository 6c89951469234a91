// -D: what the command says, what the daemon is, and what is left when it comes to nothing.
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { accounts, rootTest } from '../support/accounts.js';
import { ask } from '../support/ask.js';
import { heavily, rounds } from '../support/heavy.js';
import { type Holdfast, type HoldfastOptions, startHoldfast } from '../support/holdfast.js';
import { endOf } from '../support/launch.js';
import { everyKind, startLoad } from '../support/load/index.js';
import { assertLossless, summary } from '../support/load/lossless.js';
import { killMarked, MARK, processesMarked } from '../support/marked.js';
import { fixture, holdfastCommand } from '../support/paths.js';
import { descriptorLinks, stat } from '../support/proc.js';
import { freeTerminal } from '../support/pty.js';
import { freeze, thaw } from '../support/signals.js';
import { standing } from '../support/status.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

/** When the command has returned, which must be when everything is there. */
async function start(t: ExecutionContext, options: HoldfastOptions = {}): Promise<Holdfast> {
  const holdfast = await startHoldfast(t, { daemon: true, untilReady: false, ...options });
  t.deepEqual(await holdfast.exit, { status: 0, signal: null });
  return holdfast;
}

const upgraded = async (t: ExecutionContext, holdfast: Holdfast, processes: number) => {
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  await waitFor(() => holdfast.processes().length === processes, 20_000, 'the new generation alone');
};

test('the command returns 0 when the daemon serves, and upgrades do not make another daemon of it', async (t) => {
  const holdfast = await start(t, { args: ['-w', '2'] });
  t.is((await ask(holdfast.target)).status, 200);
  t.is(holdfast.stderr, '');
  t.is(holdfast.events('master.ready').length, 1);
  for (const _generation of [2, 3]) await upgraded(t, holdfast, 3);
  t.is((await ask(holdfast.target)).status, 200);
  t.is(holdfast.events('master.start').length, 3);
  const env = JSON.parse((await ask(holdfast.target, '/env')).body) as string[];
  t.deepEqual(env.filter((name) => /^HOLDFAST_(?!TEST_MARK)/.test(name)).sort(), ['HOLDFAST_GENERATION', 'HOLDFAST_WORKER']);
});

test('no process of a daemon leads its session or has a terminal, and none gets one by opening it', async (t) => {
  const holdfast = await start(t, { app: fixture('tty.mjs'), env: { TERMINAL: freeTerminal(t) } });
  for (const _generation of [1, 2]) {
    for (const { pid } of holdfast.processes()) {
      const { session = pid, terminal = -1 } = stat(pid) ?? {};
      t.not(session, pid, 'a leader of a session would get a terminal');
      t.not(session, stat(process.pid)?.session, 'the session is its own');
      t.is(terminal, 0);
    }
    t.not(stat(holdfast.pid())?.ppid, process.pid);
    t.is((await ask(holdfast.target)).body, '0');
    await upgraded(t, holdfast, 2);
  }
});

test('the streams end in the log file, also after it was reopened, and nothing else is inherited', async (t) => {
  const under = ['sh', '-c', 'exec 7</etc/passwd 9</etc/passwd 20</etc/passwd 300</etc/passwd; exec "$@"', 'sh'];
  const dir = tempDir(t);
  writeFileSync(join(dir, 'app.mjs'), 'export default (req, res) => { console.log("said", req.url); res.end(); };');
  const holdfast = await start(t, { under: existsSync('/bin/bash') ? ['bash', ...under.slice(1)] : under, app: './app.mjs', cwd: dir });
  const log = join(holdfast.dir, 'stdout');
  const streams = (pid: number) =>
    descriptorLinks(pid)
      .filter(({ fd }) => fd <= 2)
      .map(({ target }) => target);
  const pids = () => holdfast.processes().map(({ pid }) => pid);
  for (const pid of pids()) {
    t.deepEqual(streams(pid), ['/dev/null', log, log]);
    t.deepEqual(
      descriptorLinks(pid).filter(({ target }) => target.startsWith('/etc/')),
      [],
    );
  }
  await upgraded(t, holdfast, 2);
  renameSync(log, `${log}.1`);
  const [master = 0] = [holdfast.pid()];
  process.kill(master, 'SIGUSR1');
  await waitFor(() => pids().every((pid) => streams(pid).join() === ['/dev/null', log, log].join()), 20_000, 'the new file in all streams');
  await ask(holdfast.target, '/later');
  t.regex(readFileSync(log, 'utf8'), /said \/later/);
});

test('a command whose output is a pipe lets it end', async (t) => {
  const dir = tempDir(t);
  const mark = dir;
  t.teardown(() => killMarked(mark));
  const args = ['-D', '-b', '127.0.0.1:0', '-p', join(dir, 'pid'), fixture('hello.js')];
  const child = spawn(process.execPath, [holdfastCommand, ...args], {
    cwd: dir,
    env: { PATH: process.env.PATH, [MARK]: mark },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  t.is(out, '');
  t.is(err, 'holdfast: the log goes nowhere, for a daemon has no standard output (name a file with --log-file)\n');
  t.is(processesMarked(mark).filter(({ role }) => role === 'master').length, 1);
  process.kill(Number(readFileSync(join(dir, 'pid'), 'utf8')), 'SIGTERM');
  await waitFor(() => processesMarked(mark).length === 0, 20_000, 'its end');
});

// Node looks after its descriptors up to 15, and then up to the first gap.
for (const number of [5, 20]) {
  test(`a socket of fd://${number} is inherited`, async (t) => {
    const dir = tempDir(t);
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    t.teardown(() => server.close());
    const { port } = server.address() as { port: number };
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    const mark = dir;
    t.teardown(() => killMarked(mark));
    const args = ['-D', '-b', `fd://${number}`, '-p', join(dir, 'pid'), '--log-file', join(dir, 'log'), fixture('hello.js')];
    const child = spawn(process.execPath, [holdfastCommand, ...args], {
      cwd: dir,
      env: { PATH: process.env.PATH, [MARK]: mark },
      stdio: [...Array<'ignore'>(number).fill('ignore'), fd],
    });
    t.deepEqual(await endOf(child), { status: 0, signal: null });
    // From here on the workers of the daemon are the only ones who accept.
    server.close();
    t.is((await ask({ host: '127.0.0.1', port })).status, 200);
    process.kill(Number(readFileSync(join(dir, 'pid'), 'utf8')), 'SIGTERM');
    await waitFor(() => processesMarked(mark).length === 0, 20_000, 'its end');
  });
}

// What comes to nothing.

interface Failure {
  readonly args?: readonly string[];
  readonly app?: string;
  readonly pidfile?: string;
  readonly under?: readonly string[];
  readonly log?: boolean;
}

async function fails(t: ExecutionContext, { args = [], app, pidfile, under = [] }: Failure, status: number, line: RegExp): Promise<void> {
  const dir = tempDir(t);
  if (app !== undefined) writeFileSync(join(dir, 'app.mjs'), app);
  const before = readdirSync(dir);
  const holdfast = await startHoldfast(t, {
    daemon: true,
    untilReady: false,
    allowErrors: true,
    cwd: dir,
    under,
    args: ['-w', '2', ...args],
    pidfile: pidfile ?? join(dir, 'pid'),
    ...(app === undefined ? {} : { app: './app.mjs' }),
  });
  t.deepEqual(await holdfast.exit, { status, signal: null });
  t.deepEqual(holdfast.processes(), [], 'nobody is left when the command returns');
  t.regex(holdfast.stderr, line);
  t.regex(holdfast.stderr, /^holdfast: .*\n$/, 'one line');
  t.deepEqual(readdirSync(dir), before);
}

test('a busy port: status 1, and who holds it', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  await fails(
    t,
    { args: ['-b', `127.0.0.1:${port}`] },
    1,
    new RegExp(`cannot bind 127\\.0\\.0\\.1:${port}: in use by .* \\(pid ${process.pid}\\)`),
  );
});

for (const [what, failure, status, line] of [
  ['an app that throws', { app: `throw new Error('no database here')` }, 4, /cannot load .*app\.mjs: no database here/],
  [
    'an app with a promise that it rejects behind our back',
    { app: `Promise.reject(new Error('no cache'));\nexport default (req, res) => res.end()` },
    4,
    /cannot load .*app\.mjs: no cache at .*app\.mjs:/,
  ],
  [
    'an app that listens by itself',
    { app: `import { createServer } from 'node:http';\nexport default createServer().listen(0, '127.0.0.1')` },
    4,
    /its server listens already; export it without calling listen\(\)/,
  ],
  [
    'an app that listens by itself after a while',
    { app: `import { createServer } from 'node:http';\nexport default createServer().listen(0, 'localhost')` },
    4,
    /it calls listen\(\) itself: leave that to Holdfast/,
  ],
  [
    'an app that loads, and cannot listen',
    {
      app: `import { createServer } from 'node:http';\nexport default createServer().on('listening', () => { throw new Error('no hook') })`,
    },
    4,
    /cannot load .*app\.mjs: no hook at .*app\.mjs:/,
  ],
  ['an app that exits', { app: 'process.exit(7)' }, 3, /exited with status 7/],
  ['an app that is stuck', { app: 'for (;;);', args: ['--boot-timeout', '1'] }, 3, /was not ready within 1 s/],
  ['an unknown option', { args: ['--wrokers', '2'] }, 2, /unknown option --wrokers; did you mean --workers\?/],
  ['a pid that is to be kept', { args: ['--keep-pid'] }, 2, /cannot use --keep-pid with --daemon: the first process of a daemon leaves/],
  ['an unknown user', { args: ['-u', 'no-such-user'] }, 1, /cannot drop to user "no-such-user": there is no such user/],
  [
    'a descriptor that is not open',
    { args: ['-b', 'fd://999999999'] },
    1,
    /cannot hand descriptor 999999999 to the daemon: it is not open/,
  ],
  ['a pidfile in no directory', { pidfile: '/nowhere/at/all/pid' }, 1, /cannot use the pidfile .*: there is no directory/],
  [
    'a log file in no directory',
    { args: ['--log-file', '/nowhere/log'] },
    1,
    /cannot open the log file \/nowhere\/log: its directory does not exist/,
  ],
] as const) {
  test(`${what}: status ${status}, the line, and nothing is left`, async (t) => fails(t, failure, status, line));
}

for (const [what, options, fill, line] of [
  ['full', 'size=4k', 'dd if=/dev/zero of="$0/fill" bs=4k count=1 2>&1', /cannot use the pidfile .*: no space left on the file system/],
  ['read-only', 'ro', 'true', /cannot use the pidfile .*: .* is on a read-only file system/],
] as const) {
  rootTest(`a pidfile in a ${what} directory: status 1, the line, and nothing is left`, async (t) => {
    const run = tempDir(t);
    const under = ['unshare', '-m', 'sh', '-c', `mount -t tmpfs -o ${options} none "$0" && ${fill} >/dev/null && exec "$@"`, run];
    await fails(t, { under, pidfile: join(run, 'pid') }, 1, line);
    t.deepEqual(readdirSync(run), []);
  });
}

test('HOLDFAST_DAEMON set by hand is refused', async (t) => {
  const holdfast = await startHoldfast(t, { daemon: true, untilReady: false, allowErrors: true, env: { HOLDFAST_DAEMON: '2' } });
  t.deepEqual(await holdfast.exit, { status: 1, signal: null });
  t.regex(holdfast.stderr, /^holdfast: cannot be a daemon: HOLDFAST_DAEMON is not to be set by hand \(unset it\)\n$/);
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const) {
  test(`${signal} to the command while it waits ends the half-started daemon`, async (t) => {
    const dir = tempDir(t);
    writeFileSync(join(dir, 'app.mjs'), 'await new Promise((resolve) => setTimeout(resolve, 60_000));');
    const holdfast = await startHoldfast(t, { daemon: true, app: './app.mjs', cwd: dir, untilReady: false, allowErrors: true });
    await holdfast.event('worker.spawn');
    await waitFor(() => holdfast.workers().length === 1, 20_000, 'a worker that loads');
    holdfast.process.kill(signal);
    const exit = await holdfast.exit;
    if (signal === 'SIGKILL') await holdfast.gone();
    else {
      t.deepEqual(exit, { status: 1, signal: null });
      t.deepEqual(holdfast.processes(), [], 'nobody is left when the command returns');
      t.is(holdfast.stderr, 'holdfast: cannot start: the master was told to stop before it was ready\n');
    }
    t.false(existsSync(holdfast.pidfile ?? ''));
  });
}

test('a second ^C does not wait for a daemon that does not end', async (t) => {
  const dir = tempDir(t);
  writeFileSync(join(dir, 'app.mjs'), 'await new Promise((resolve) => setTimeout(resolve, 60_000));');
  const holdfast = await startHoldfast(t, { daemon: true, app: './app.mjs', cwd: dir, untilReady: false, allowErrors: true });
  await holdfast.event('worker.spawn');
  const master = holdfast.processes().find(({ role }) => role === 'master');
  await freeze(t, master?.pid ?? 0);
  holdfast.process.kill('SIGINT');
  holdfast.process.kill('SIGTERM');
  t.deepEqual(await holdfast.exit, { status: 1, signal: null });
  t.is(holdfast.stderr, 'holdfast: not waiting for the end of the half-started daemon\n');
  thaw(master?.pid ?? 0);
  await holdfast.gone();
});

// All of it together.

const UPGRADES = rounds(3, 10);

rootTest(
  heavily(`${UPGRADES} upgrades of a daemon with --user, --group and --umask: its workers are whom they were, and nothing is lost`),
  async (t) => {
    const dir = tempDir(t);
    chmodSync(dir, 0o755);
    writeFileSync(join(dir, 'full.mjs'), readFileSync(fixture('full.js')));
    const args = ['-w', '2', '-u', 'shop', '-g', 'www', '-m', '0027', '-b', '127.0.0.1:0', '-b', `unix:${join(dir, 'sock')}`];
    const holdfast = await start(t, { under: accounts(t), app: './full.mjs', cwd: dir, args, stopMs: 40_000 });
    const umask = (pid: number) => /^Umask:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    const look = () => holdfast.workers().map(({ pid }) => ({ ...standing(pid), umask: umask(pid) }));
    const first = look();
    t.is(first.length, 2);
    t.like(first[0], { Uid: '4001 4001 4001 4001', Gid: '4003 4003 4003 4003', Groups: '4003 4100', umask: '0027' });
    const load = await startLoad(t, { target: holdfast.target, mix: everyKind, keepAliveTimeoutMs: 5_000 });
    await load.warm(2);
    for (let upgrade = 1; upgrade <= UPGRADES; upgrade += 1) {
      const { gen } = await holdfast.upgrade();
      const next = Number(gen) + 1;
      for (const { pid } of holdfast.workers(next)) t.deepEqual({ ...standing(pid), umask: umask(pid) }, first[0]);
      t.is(holdfast.workers(next).length, 2);
      await load.mark();
      await load.answeredAtLeast(200);
    }
    const report = await load.stop();
    t.log(`${report.total} exchanges`, summary(report));
    assertLossless(t, report);
  },
);

test('a disk that is full already is told by the command, for the daemon has nobody else to tell', async (t) => {
  // Its own standard error goes through a pipe, for that may be written.
  const under = ['sh', '-c', '(ulimit -f 0; "$@" 2>&1; echo "status $?") | cat >&2', 'sh'];
  const holdfast = await startHoldfast(t, { daemon: true, pidfile: false, under, untilReady: false, allowErrors: true });
  await holdfast.exit;
  t.regex(holdfast.stderr, /^holdfast: cannot write \S+: file too large \(.*\)\nstatus 0\n$/);
  const master = holdfast.processes().find(({ role }) => role === 'master');
  process.kill(master?.pid ?? 0, 'SIGTERM');
  await holdfast.gone();
});
