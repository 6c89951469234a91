// What an operator types, and what becomes of it where that is odd: one line, the documented status, and nothing lost.
import { type SpawnSyncOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, copyFileSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { accounts, ids, rootTest } from '../support/accounts.js';
import { ask } from '../support/ask.js';
import { startHoldfast } from '../support/holdfast.js';
import { fixture, holdfastCommand } from '../support/paths.js';
import { canBeProcessOne } from '../support/pid-namespace.js';
import { tempDir } from '../support/temp.js';
import { openTerminal } from '../support/terminal.js';
import { waitFor } from '../support/wait.js';

function run(args: readonly string[], options: SpawnSyncOptions = {}) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [holdfastCommand, ...args], { encoding: 'utf8', ...options });
  return { status, signal, stdout: String(stdout), stderr: String(stderr) };
}

for (const question of ['--help', '--version']) {
  test(`${question} that nobody can keep is an error`, (t) => {
    const full = openSync('/dev/full', 'w');
    t.teardown(() => closeSync(full));
    const { status, stderr } = run([question], { stdio: ['ignore', full, 'pipe'] });
    t.is(stderr, 'holdfast: cannot write to the standard output: no space left on device\n');
    t.is(status, 1);
  });

  test(`${question} to who has read enough is none`, (t) => {
    // The shell's status is the one of the pipe's last command, and so Holdfast's goes another way.
    const script = '{ "$@"; echo "status $?" >&2; } | :';
    const { stderr } = spawnSync('sh', ['-c', script, 'sh', process.execPath, holdfastCommand, question], { encoding: 'utf8' });
    t.is(stderr, 'status 0\n');
  });
}

test('HOLDFAST_CMD_ARGS is read at the start and by the next generation, and what stands there may be wrong, which is said', async (t) => {
  const env = { HOLDFAST_CMD_ARGS: `-w 2 --name 'my shop' -b 127.0.0.1:0` };
  const holdfast = await startHoldfast(t, { env, args: ['--bind=127.0.0.1:0'] });
  t.is(holdfast.workers(1).length, 2);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  t.is(holdfast.workers(2).length, 2);
  t.true(holdfast.log.every((line) => line['name'] === 'my shop'));
  t.is((await ask(holdfast.target)).status, 200);
  const refused = run(['app.js'], { env: { ...process.env, HOLDFAST_CMD_ARGS: '-b 300.1.1.1:80' } });
  t.is(refused.stderr, 'holdfast: cannot bind 300.1.1.1:80: 300.1.1.1 is no IPv4 address (it stands in HOLDFAST_CMD_ARGS)\n');
  t.is(refused.status, 2);
});

test('what moves the cursor or ends a line is written as JSON writes it: in an error, on a terminal, in a title', async (t) => {
  const odd = 'a\n\x1b[2J\u009b\x7fb.mjs';
  const shown = 'a\\n\\u001b[2J\\u009b\\u007fb.mjs';
  const refused = run([`./${odd}`, '-b', '127.0.0.1:0']);
  t.is(refused.status, 4);
  t.is(refused.stderr, `holdfast: cannot load ./${shown}: no such file (looked in ${process.cwd()})\n`);
  t.is(run(['-w', odd, 'app.js']).stderr.split('\n').length, 2);

  const dir = tempDir(t);
  copyFileSync(fixture('hello.js'), join(dir, odd));
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  const terminal = openTerminal(t, [process.execPath, holdfastCommand, '-b', '127.0.0.1:0', '--name', odd, join(dir, odd)]);
  await terminal.shows(/serving on/);
  t.false(terminal.output.includes('\x1b[2J') || /[\u009b\x7f]/.test(terminal.output), JSON.stringify(terminal.output));
  const titles = terminal.processes().map(({ args }) => args);
  // A title is cut to the length of the command line.
  for (const role of ['master', 'worker']) {
    const beginning = `holdfast: ${role} [${shown.slice(0, 9)}`;
    t.true(
      titles.some((title) => title.startsWith(beginning)),
      titles.join('\n'),
    );
  }
  terminal.type('\x03');
  await terminal.exit;
  await waitFor(() => terminal.processes().length === 0, 20_000, 'everything to end');
});

rootTest('a log in a directory that the workers may not enter is refused, at the start and by an upgrade', async (t) => {
  const dir = tempDir(t);
  chmodSync(dir, 0o755);
  copyFileSync(fixture('identity.mjs'), join(dir, 'app.mjs'));
  const closed = join(dir, 'logs');
  mkdirSync(closed, { mode: 0o700 });
  const line = `cannot open the log file ${closed}/log: user "shop" may not enter ${closed}, and has to open it there, too; chmod o+x ${closed}, or name another file`;
  const start = (args: readonly string[], untilReady = true) =>
    startHoldfast(t, { app: './app.mjs', cwd: dir, under: accounts(t), args: ['-u', 'shop', ...args], untilReady, allowErrors: true });
  for (const flag of ['--log-file', '--access-logfile']) {
    const refused = await start([flag, join(closed, 'log')], false);
    t.is((await refused.exit).status, 1);
    t.is(refused.stderr, `holdfast: ${line} (see ${flag})\n`);
  }
  t.false(existsSync(join(closed, 'log')), 'nothing is left');

  chmodSync(closed, 0o755);
  const holdfast = await start(['--access-logfile', join(closed, 'log')]);
  chmodSync(closed, 0o700);
  const verdict = await holdfast.upgrade();
  t.is(verdict.event, 'upgrade.rollback');
  t.true(String(verdict['reason']).includes(line), String(verdict['reason']));
  t.is((await ask(holdfast.target)).status, 200);
});

rootTest('the chmod that opens a directory to the workers is one that does', async (t) => {
  const dir = tempDir(t);
  chmodSync(dir, 0o755);
  copyFileSync(fixture('identity.mjs'), join(dir, 'app.mjs'));
  for (const [letter, owner] of [
    ['u', `${ids.shop}:0`],
    ['g', `0:${ids.media}`],
    ['o', '0:0'],
  ] as const) {
    const closed = join(dir, letter);
    mkdirSync(closed, { mode: 0o600 });
    spawnSync('chown', [owner, closed]);
    const start = () => {
      const args = ['-u', 'shop', '--access-logfile', join(closed, 'log')];
      return startHoldfast(t, { app: './app.mjs', cwd: dir, under: accounts(t), args, untilReady: false, allowErrors: true });
    };
    const refused = await start();
    t.is((await refused.exit).status, 1);
    const advice = /chmod (\S+ \S+), or/.exec(refused.stderr)?.[1] ?? '';
    t.is(advice, `${letter}+x ${closed}`);
    spawnSync('chmod', advice.split(' '));
    const holdfast = await start();
    await holdfast.event('master.ready');
    await holdfast.stop();
  }
});

rootTest(
  "another process's standard output is no file for workers that may not open it, and no directory of /proc is to be changed",
  async (t) => {
    const dir = tempDir(t);
    chmodSync(dir, 0o755);
    copyFileSync(fixture('identity.mjs'), join(dir, 'app.mjs'));
    const log = `/proc/${process.pid}/fd/1`;
    const args = ['-u', 'shop', '--log-file', log];
    const refused = await startHoldfast(t, { app: './app.mjs', cwd: dir, under: accounts(t), args, untilReady: false, allowErrors: true });
    t.is((await refused.exit).status, 1);
    t.regex(refused.stderr, /the workers may not open what it leads to \(use - /);
  },
);

rootTest("a group of root's that the user is not in opens no directory to it, and one of the user's does", async (t) => {
  const dir = tempDir(t);
  chmodSync(dir, 0o755);
  copyFileSync(fixture('identity.mjs'), join(dir, 'app.mjs'));
  const closed = join(dir, 'logs');
  mkdirSync(closed, { mode: 0o750 });
  const start = (group: string) => {
    spawnSync('chgrp', [group, closed]);
    const args = ['-u', 'shop', '--access-logfile', join(closed, 'log')];
    return startHoldfast(t, { app: './app.mjs', cwd: dir, under: accounts(t), args, untilReady: false, allowErrors: true });
  };
  t.is((await (await start('0')).exit).status, 1);
  const holdfast = await start(String(ids.media));
  await holdfast.event('master.ready');
  await ask(holdfast.target);
  await waitFor(() => readFileSync(join(closed, 'log'), 'utf8') !== '', 20_000, 'a line');
  t.pass();
});

rootTest("another user in root's directory is told that it may not be there, unless it goes elsewhere", async (t) => {
  const dir = tempDir(t);
  copyFileSync(fixture('hello.js'), join(dir, 'app.mjs'));
  const start = (args: readonly string[]) =>
    startHoldfast(t, {
      app: './app.mjs',
      cwd: dir,
      under: accounts(t, 'shop'),
      pidfile: false,
      args,
      untilReady: false,
      allowErrors: true,
    });
  const refused = await start([]);
  t.is((await refused.exit).status, 4);
  t.is(refused.stderr, `holdfast: cannot enter ${dir}: permission denied (it is where the app is started)\n`);
  const elsewhere = await start(['--chdir', '/']);
  t.is((await elsewhere.exit).status, 4);
  t.is(elsewhere.stderr, 'holdfast: cannot load ./app.mjs: no such file (looked in /)\n');
});

rootTest('a log that its mode would keep from the workers is refused', async (t) => {
  const dir = tempDir(t);
  chmodSync(dir, 0o777);
  const log = join(dir, 'log');
  const start = (args: readonly string[]) =>
    startHoldfast(t, { under: accounts(t), args: ['-u', 'shop', '--log-file', log, ...args], untilReady: false, allowErrors: true });
  const refused = await start(['-m', '0777']);
  t.is((await refused.exit).status, 1);
  const why = `user "shop" may not open it a second time, for its mode is 0000; chmod u+rw ${log}`;
  t.is(refused.stderr, `holdfast: cannot open the log file ${log}: ${why} (see --log-file)\n`);
});

rootTest('a log that is a pipe of a shell of root, which the workers may not open, is refused with another way', async (t) => {
  const under = [...accounts(t), 'bash', '-c', 'exec "$@" --log-file >(cat)', 'bash'];
  const holdfast = await startHoldfast(t, { under, args: ['-u', 'shop'], untilReady: false, allowErrors: true });
  t.is((await holdfast.exit).status, 1);
  const why = /cannot open the log file \/dev\/fd\/\d+: the workers may not open what it leads to \(use - and a pipe behind the command\)/;
  t.regex(holdfast.stderr, why);
});

test('a worker that cannot open the log says so to its master, whose log is open', async (t) => {
  const dir = join(tempDir(t), 'logs');
  mkdirSync(dir);
  const file = join(dir, 'log');
  const args = ['--access-logfile', join(dir, 'access')];
  const holdfast = await startHoldfast(t, { logFile: file, args, allowErrors: [/cannot open the log file/] });
  rmSync(dir, { recursive: true });
  await holdfast.reload();
  const line = await holdfast.says(/cannot open the log file .*its directory does not exist.*; this worker logs to the standard output/);
  t.is(line['role'], 'master');
  await holdfast.says(/cannot open .*access: .*; there is no access log of this worker/, ({ role }) => role === 'master');
  t.is((await ask(holdfast.target)).status, 200);
});

(canBeProcessOne() ? test : test.skip)(
  'a lock on the pidfile from outside its container is told as that, and nobody is told to signal a pid of there',
  async (t) => {
    const pidfile = join(tempDir(t), 'pid');
    // No process of the container has it: a new PID namespace begins to count at 1.
    writeFileSync(pidfile, '99999\n');
    const locker = spawn('sh', ['-c', 'exec flock "$0" sh -c "echo; exec cat"', pidfile], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(locker, 'exit');
    t.teardown(async () => {
      locker.stdin.end();
      await ended;
    });
    await once(locker.stdout, 'data');
    const holdfast = await startHoldfast(t, { processOne: true, pidfile, untilReady: false, allowErrors: true });
    t.is((await holdfast.exit).status, 1);
    const what = `${pidfile} is locked, and not by the pid 99999 that it names, nor by any process that can be seen from here`;
    const todo = `do containers share it? fuser ${pidfile} on the host names who has it: end that, or name another file with --pid`;
    t.is(holdfast.stderr, `holdfast: cannot start: ${what} (${todo})\n`);
  },
);
