// What somebody else on the machine, and an app that was taken over, can do to a master that root has started: nothing.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { encodeFrame } from '#src/channel/frames.js';
import { CANDIDATE_FDS } from '#src/channel/master-messages.js';
import { accounts, ids, rootTest } from '../support/accounts.js';
import { ask } from '../support/ask.js';
import { type Holdfast, type HoldfastOptions, startHoldfast } from '../support/holdfast.js';
import { endOf } from '../support/launch.js';
import { fixture, holdfastCommand } from '../support/paths.js';
import { waitGone } from '../support/proc.js';
import { reopened } from '../support/reopened.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

/** A directory that everybody may enter, with an app. */
function appDir(t: ExecutionContext, app: string): string {
  const dir = tempDir(t);
  chmodSync(dir, 0o755);
  copyFileSync(fixture(app), join(dir, app));
  return dir;
}

function start(t: ExecutionContext, dir: string, args: readonly string[], options: HoldfastOptions = {}): Promise<Holdfast> {
  const bind = args.some((arg) => arg === '-b') ? [] : ['-b', '127.0.0.1:0'];
  return startHoldfast(t, { app: './identity.mjs', cwd: dir, under: accounts(t), args: [...bind, ...args], ...options });
}

/** That it does not start, with the line. */
async function refused(
  t: ExecutionContext,
  dir: string,
  args: readonly string[],
  line: RegExp,
  options: HoldfastOptions = {},
): Promise<void> {
  const holdfast = await start(t, dir, args, { untilReady: false, allowErrors: true, ...options });
  t.deepEqual(await Promise.race([holdfast.exit, holdfast.event('master.ready')]), { status: 1, signal: null });
  t.regex(holdfast.stderr, line);
  t.regex(holdfast.stderr, /^holdfast: .*\n$/, 'one line');
  await holdfast.gone();
}

// The worker.

rootTest('a worker that was taken over can neither signal, read nor keep its master', async (t) => {
  const holdfast = await start(t, appDir(t, 'takeover.mjs'), ['-u', 'shop'], { app: './takeover.mjs' });
  const rights = JSON.parse((await ask(holdfast.target, '/rights')).body) as string[];
  t.deepEqual([...new Set(rights.slice(0, 7))], ['EPERM'], 'signals');
  t.deepEqual([...new Set(rights.slice(7))], ['EACCES'], 'the writing end of the lease, memory, descriptors');
});

const killed = /sent its master what is no message; replaced/;
const silence = /was killed by SIG/;
const attacks: Readonly<Record<string, RegExp | undefined>> = {
  garbage: killed,
  huge: killed,
  unknown: killed,
  nulls: killed,
  prototype: killed,
  wrong: killed,
  large: undefined,
  stack: undefined,
  farewell: /exited with status 0|was killed by/,
  limit: /exited with status 0/,
  leaving: /exited with status 0|was killed by/,
  silent: silence,
  never: silence,
};

async function attack(t: ExecutionContext, name: string, line: RegExp | undefined): Promise<void> {
  // A limit for those who are to reach it: the others might, on a busy machine.
  const limit = line === silence ? ['-t', '2'] : [];
  const args = ['-u', 'shop', '-w', '2', ...limit, '--graceful-timeout', '1', '--keep-alive', '1'];
  const holdfast = await start(t, appDir(t, 'takeover.mjs'), args, { app: './takeover.mjs', allowErrors: [/worker\.timeout/] });
  const master = holdfast.pid();
  const after = holdfast.log.length;
  const pid = Number((await ask(holdfast.target, `/?attack=${name}`)).body);
  if (line !== undefined) {
    const exit = await holdfast.event('worker.exit', (one) => one['worker'] === pid, { after });
    t.regex(String(exit.msg), line, name);
    await holdfast.event('worker.ready', undefined, { after });
  }
  t.is((await ask(holdfast.target)).status, 200, name);
  t.is((await holdfast.upgrade()).event, 'upgrade.done', name);
  t.is(holdfast.log.slice(after).filter((one) => one.event === 'worker.spawn' && one.gen === 1).length, line === undefined ? 0 : 1, name);
  await waitGone(master, 20_000);
}

const names = Object.keys(attacks);
for (const some of [names.slice(0, 4), names.slice(4, 8), names.slice(8)]) {
  rootTest(`a worker does this to its channel, and its master and its sibling go on: ${some.join(', ')}`, async (t) => {
    await Promise.all(some.map((name) => attack(t, name, attacks[name])));
  });
}

rootTest('sockets that a worker has shut down are back after a reload, and after an upgrade', async (t) => {
  const dir = appDir(t, 'takeover.mjs');
  const args = ['-u', 'shop', '-w', '2', '-b', '127.0.0.1:0', '-b', `unix:${join(dir, 'sock')}`];
  const holdfast = await start(t, dir, args, { app: './takeover.mjs' });
  const targets = [holdfast.target, { socketPath: join(dir, 'sock') }];
  for (const again of [() => holdfast.reload(), () => holdfast.upgrade()]) {
    await ask(holdfast.target, '/?attack=shutdown');
    for (const target of targets)
      await waitFor(
        () =>
          ask(target).then(
            () => false,
            ({ code }) => code === 'ECONNREFUSED',
          ),
        5_000,
        'nobody to be let in',
      );
    t.regex(String((await again()).event), /done$/);
    for (const target of targets) t.is((await ask(target)).status, 200);
  }
});

// Files.

interface Planted {
  readonly dir: string;
  readonly victim: string;
  intact(): boolean;
}

/** A directory where the intruder may put things, and a file of root's that it would like to have written. */
function plant(t: ExecutionContext, mode: number): Planted {
  const dir = join(appDir(t, 'identity.mjs'), 'spool');
  mkdirSync(dir);
  chmodSync(dir, mode);
  const victim = join(dir, '..', 'victim');
  writeFileSync(victim, 'of root\n', { mode: 0o600 });
  const intact = () =>
    readFileSync(victim, 'utf8') === 'of root\n' && statSync(victim).uid === 0 && statSync(victim).mode % 0o1000 === 0o600;
  return { dir, victim, intact };
}

function plantLink(victim: string, at: string, owner: number = ids.intruder): string {
  symlinkSync(victim, at);
  lchownSync(at, owner, owner);
  return at;
}

for (const [what, mode] of [
  ['a world-writable directory', 0o777],
  ['a sticky directory like /tmp', 0o1777],
] as const) {
  rootTest(`a log that is a link planted in ${what} is refused, with --user and without`, async (t) => {
    const { dir, victim, intact } = plant(t, mode);
    const log = plantLink(victim, join(dir, 'shop.log'));
    const line = new RegExp(`cannot open the log file ${log}: ${log} is a link that belongs to uid 4002`);
    await refused(t, join(dir, '..'), ['-u', 'shop', '--log-file', log], line);
    await refused(t, join(dir, '..'), ['--log-file', log], line);
    t.true(intact());
  });

  rootTest(`a log that is a second name of a file of root's in ${what} is refused`, async (t) => {
    const { dir, victim, intact } = plant(t, mode);
    linkSync(victim, join(dir, 'shop.log'));
    await refused(t, join(dir, '..'), ['-u', 'shop', '--log-file', join(dir, 'shop.log')], /second name|everybody may write/);
    await refused(
      t,
      join(dir, '..'),
      ['--log-file', join(dir, 'shop.log')],
      /it has a second name somewhere, and in .*spool everybody may write/,
    );
    t.true(intact());
  });

  rootTest(`a log that somebody else has put into ${what}, to read what comes, is refused`, async (t) => {
    const { dir } = plant(t, mode);
    const log = join(dir, 'shop.log');
    writeFileSync(log, '');
    chmodSync(log, 0o666);
    chownSync(log, ids.intruder, ids.intruder);
    const line = /it belongs to uid 4002, and in .*spool everybody may write/;
    await refused(t, join(dir, '..'), ['-u', 'shop', '--log-file', log], line);
    await refused(t, join(dir, '..'), ['--access-logfile', log], line);
    t.is(readFileSync(log, 'utf8'), '');
  });

  rootTest(`a pidfile that is a link planted in ${what} is replaced, and what it led to is left alone`, async (t) => {
    const { dir, victim, intact } = plant(t, mode);
    const pidfile = plantLink(victim, join(dir, 'pid'));
    const holdfast = await start(t, join(dir, '..'), ['-u', 'shop'], { pidfile });
    t.true(lstatSync(pidfile).isFile());
    t.is(lstatSync(pidfile).uid, 0);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    t.true(intact());
    const warned = holdfast.log.some((line) => String(line.msg).includes(`${pidfile} is not root's alone: ${dir} everybody may write`));
    t.is(warned, mode === 0o777, 'nobody else can replace it in a sticky directory');
  });

  rootTest(`a unix socket's path where a link is planted in ${what} is refused`, async (t) => {
    const { dir, victim, intact } = plant(t, mode);
    const path = plantLink(victim, join(dir, 'sock'));
    await refused(t, join(dir, '..'), ['-u', 'shop', '-b', `unix:${path}`], /a file that is no socket stands there/);
    t.true(intact());
  });
}

rootTest("the user's own link to what only root may write is refused, at the start and when the log is reopened", async (t) => {
  const { dir, victim, intact } = plant(t, 0o755);
  chownSync(dir, ids.shop, ids.shop);
  const log = plantLink(victim, join(dir, 'shop.log'), ids.shop);
  const line = /user "shop" may not write \S+\/victim, where a link of its own leads/;
  await refused(t, join(dir, '..'), ['-u', 'shop', '--log-file', log], line);
  t.true(intact());
  const elsewhere = join(dir, 'root', 'shop.log');
  mkdirSync(join(dir, 'root'), { mode: 0o755 });
  const below = /user "shop" may not write it, and root writes nothing below .*\/spool: that belongs to uid 4001/;
  await refused(t, join(dir, '..'), ['-u', 'shop', '--log-file', elsewhere], below);
  renameSync(log, `${log}.later`);
  const holdfast = await start(t, join(dir, '..'), ['-u', 'shop', '--log-file', log], { untilReady: false });
  const seen = () => readFileSync(log, 'utf8');
  await waitFor(() => existsSync(log) && seen().includes('master.ready'), 20_000, 'the log');
  t.is(statSync(log).uid, ids.shop);
  renameSync(log, `${log}.1`);
  renameSync(`${log}.later`, log);
  process.kill(holdfast.pid(), 'SIGUSR1');
  const old = () =>
    readFileSync(`${log}.1`, 'utf8')
      .split('\n')
      .filter((one) => /"role":"(master|worker)".*is written to as before/.test(one));
  await waitFor(() => old().length === 2, 20_000, 'both to say so in the old file');
  t.true(intact());
});

rootTest("a log in root's directory is given to the user, so that its workers can reopen it", async (t) => {
  const dir = appDir(t, 'identity.mjs');
  const log = join(dir, 'shop.log');
  const holdfast = await start(t, dir, ['-u', 'shop', '-g', 'www', '--log-file', log], { untilReady: false });
  await waitFor(() => existsSync(log) && readFileSync(log, 'utf8').includes('master.ready'), 20_000, 'the log');
  t.deepEqual([statSync(log).uid, statSync(log).gid], [ids.shop, ids.www]);
  renameSync(log, `${log}.1`);
  // As logrotate's `create 0640 root adm` leaves it.
  writeFileSync(log, '', { mode: 0o640 });
  process.kill(holdfast.pid(), 'SIGUSR1');
  await reopened(holdfast, log, `${log}.1`);
  t.is(statSync(log).uid, ids.shop);
  process.kill(holdfast.pid(), 'SIGTERM');
  await holdfast.gone();
  const last = readFileSync(log, 'utf8');
  t.regex(last, /"role":"worker".*drain\.end/);
  t.regex(last, /master\.exit/);
});

for (const [left, leave] of [
  ['nothing', () => undefined],
  ["root's", (log: string) => writeFileSync(log, '', { mode: 0o640 })],
] as const)
  rootTest(`an access log in root's directory goes on in a file of the user's after a rotation that leaves ${left} there`, async (t) => {
    const dir = appDir(t, 'identity.mjs');
    const log = join(dir, 'access');
    const holdfast = await start(t, dir, ['-u', 'shop', '--access-logfile', log]);
    renameSync(log, `${log}.1`);
    leave(log);
    holdfast.signal('SIGUSR1');
    const rotated = async () => {
      await ask(holdfast.target);
      return existsSync(log) && readFileSync(log, 'utf8') !== '';
    };
    await waitFor(rotated, 20_000, 'a line in the new file');
    t.is(statSync(log).uid, ids.shop);
  });

rootTest('a unix socket belongs to the user unless the setting names another', async (t) => {
  const dir = appDir(t, 'identity.mjs');
  const [plain, other] = [join(dir, 'plain'), join(dir, 'other')];
  const holdfast = await start(t, dir, ['-u', 'shop', '-m', '0117', '-b', `unix:${plain}`, '-b', `unix:${other}?group=www&mode=0600`]);
  const owner = (path: string) => [statSync(path).uid, statSync(path).gid, (statSync(path).mode & 0o777).toString(8)];
  t.deepEqual(owner(plain), [ids.shop, ids.shop, '660']);
  t.deepEqual(owner(other), [ids.shop, ids.www, '600']);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  t.deepEqual(owner(plain), [ids.shop, ids.shop, '660']);
  t.is((await ask({ socketPath: plain })).status, 200);
});

rootTest('a master that executes what others can change says so', async (t) => {
  const dir = appDir(t, 'identity.mjs');
  const own = join(dir, 'release');
  mkdirSync(own);
  symlinkSync(holdfastCommand, join(own, 'holdfast'));
  chownSync(own, ids.intruder, ids.intruder);
  const holdfast = await start(t, dir, ['-u', 'shop'], { command: join(own, 'holdfast') });
  const warning = holdfast.log.find((line) => String(line.msg).startsWith('root executes'));
  t.is(warning?.msg, `root executes ${join(own, 'holdfast')}, which is not root's alone: ${own} belongs to uid 4002`);
});

rootTest('so does one whose next Node is looked for where others can write', async (t) => {
  const dir = appDir(t, 'identity.mjs');
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  chownSync(bin, ids.intruder, ids.intruder);
  const path = [bin, dirname(process.execPath), process.env.PATH].join(':');
  const holdfast = await start(t, dir, ['-u', 'shop'], { node: 'node', env: { PATH: path } });
  const warning = holdfast.log.find((line) => String(line.msg).startsWith('root executes'));
  t.is(warning?.msg, `root executes ${bin}, which is not root's alone: ${bin} belongs to uid 4002`);
});

// A hand-over that nobody has made.

interface Forgery {
  readonly child: ChildProcess;
  readonly stderr: string;
}

/** A candidate whose incumbent is this test: a good channel, and these for its listeners. */
function forge(t: ExecutionContext, fds: string, listeners: readonly number[]): Forgery {
  const dir = tempDir(t);
  const stderr = join(dir, 'stderr');
  const err = openSync(stderr, 'w');
  const places = Object.keys(CANDIDATE_FDS).length - 1;
  const stdio: (number | 'ignore' | 'pipe')[] = ['ignore', 'ignore', err, ...listeners, ...Array<'ignore'>(places).fill('ignore')];
  stdio[3 + listeners.length + CANDIDATE_FDS.channel] = 'pipe';
  stdio[3 + listeners.length + CANDIDATE_FDS.stderr] = err;
  const child = spawn(process.execPath, [holdfastCommand, fixture('hello.js')], {
    cwd: dir,
    env: { PATH: process.env.PATH, HOLDFAST_HANDOVER: '1', HOLDFAST_PREDECESSOR: String(process.pid), HOLDFAST_FDS: fds },
    stdio,
  });
  closeSync(err);
  t.teardown(() => child.kill('SIGKILL'));
  const channel = child.stdio.at(3 + listeners.length) as Socket;
  channel.on('error', () => {}).resume();
  channel.write(encodeFrame({ type: 'handover', min: 1, max: 1, generation: 2, base: dir, deadline: 5_000, keeper: false }));
  return { child, stderr };
}

const many = Array.from({ length: 10_000 }, (_, at) => `[::]:${at % 9}=3`).join(';');

for (const [what, fds, line] of [
  ['a file', '127.0.0.1:8000=3', /cannot inherit 127\.0\.0\.1:8000: descriptor 3 is not a socket/],
  ['a number that is closed', '127.0.0.1:8000=999', /cannot inherit 127\.0\.0\.1:8000: descriptor 999 is not open/],
  ['a negative number', '127.0.0.1:8000=-1', /malformed hand-over: "127\.0\.0\.1:8000=-1" is not ADDRESS=DESCRIPTOR/],
  ['ten thousand entries', many, /malformed hand-over: more than 4096 listeners/],
  ['no address', 'nonsense=3', /malformed hand-over: "nonsense" is no address/],
  ['a path for a number', '127.0.0.1:8000=/etc/passwd', /malformed hand-over: .* is not ADDRESS=DESCRIPTOR/],
] as const) {
  test(`HOLDFAST_FDS with ${what} is refused in one line`, async (t) => {
    const file = openSync('/dev/null', 'r');
    t.teardown(() => closeSync(file));
    const { child, stderr } = forge(t, fds, [file]);
    t.deepEqual(await endOf(child), { status: 1, signal: null });
    t.regex(readFileSync(stderr, 'utf8'), line);
    t.regex(readFileSync(stderr, 'utf8'), /^holdfast: .*\n$/);
    await waitGone(child.pid ?? 0, 20_000);
  });
}

test("HOLDFAST_FDS that gives a socket another's address is refused in one line", async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const { child, stderr } = forge(t, '127.0.0.1:1=3', [fd]);
  t.deepEqual(await endOf(child), { status: 1, signal: null });
  t.regex(readFileSync(stderr, 'utf8'), /^holdfast: cannot inherit 127\.0\.0\.1:1: descriptor 3 is bound to 127\.0\.0\.1:\d+\n$/);
});
