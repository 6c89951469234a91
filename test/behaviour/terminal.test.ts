// On a terminal: the first process stays, so that ^C reaches whoever is in charge.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { rootTest } from '../support/accounts.js';
import { ask } from '../support/ask.js';
import { fixture, holdfastCommand } from '../support/paths.js';
import { asProcessOne, canBeProcessOne } from '../support/pid-namespace.js';
import { caughtSignals, children, isAlive, stat } from '../support/proc.js';
import { deliver } from '../support/signals.js';
import { tempDir } from '../support/temp.js';
import { openTerminal } from '../support/terminal.js';
import { waitFor } from '../support/wait.js';

test('an upgrade on a terminal keeps the first process, and ^C then ends the new generation', async (t) => {
  const pidfile = join(tempDir(t), 'pid');
  const terminal = openTerminal(t, [process.execPath, holdfastCommand, '-b', '127.0.0.1:0', '-p', pidfile, fixture('hello.js')]);
  const [, port] = await terminal.shows(/listening on 127\.0\.0\.1:(\d+)/);
  await terminal.shows(/serving on/);
  const first = Number(readFileSync(pidfile, 'utf8'));
  process.kill(first, 'SIGUSR2');
  await waitFor(() => Number(readFileSync(pidfile, 'utf8')) !== first, 20_000, 'the second generation');
  await waitFor(() => !isAlive(first), 20_000, 'the first one to leave');
  t.is((await ask({ host: '127.0.0.1', port: Number(port) })).status, 200);
  t.true(
    terminal.processes().some(({ role }) => role === 'keeper'),
    'the keeper is there',
  );
  terminal.type('\x03');
  t.is((await terminal.exit).status, 0);
  await waitFor(() => terminal.processes().length === 0, 20_000, 'everything to end');
});

rootTest(
  'with no stream on the terminal there is no keeper, and a worker that dropped cannot open the terminal of the shell',
  async (t) => {
    const dir = tempDir(t);
    const log = join(dir, 'log');
    const command = ['-b', '127.0.0.1:0', '-u', '65534', '-g', '65534', fixture('hello.js')];
    const terminal = openTerminal(t, ['sh', '-c', '"$@" </dev/null >"$0" 2>&1', log, process.execPath, holdfastCommand, ...command]);
    await waitFor(() => existsSync(log) && readFileSync(log, 'utf8').includes('master.ready'), 10_000, 'the start');
    const titled = (role: string) => terminal.processes().find(({ args }) => args.startsWith(`holdfast: ${role}`))?.pid ?? 0;
    const [master, worker] = [stat(titled('master')), stat(titled('worker'))];
    t.not(master?.terminal, 0);
    t.is(worker?.terminal, 0, 'what it could type there, the shell of root would run');
    terminal.type('\x03');
    await terminal.exit;
    await waitFor(() => terminal.processes().length === 0, 10_000, 'everything to end');
  },
);

test('with no stream on the terminal a WINCH is its change of size all the same, and nobody drains', async (t) => {
  const log = join(tempDir(t), 'log');
  const logged = (text: string) => existsSync(log) && readFileSync(log, 'utf8').includes(text);
  // As one of several that somebody starts together: in the foreground, by a shell that goes on.
  const shell = ['sh', '-c', '"$@" </dev/null >"$0" 2>&1 & read go; stty rows 7; wait', log];
  const options = ['-b', '127.0.0.1:0', '--log-level', 'debug', fixture('hello.js')];
  const terminal = openTerminal(t, [...shell, process.execPath, holdfastCommand, ...options]);
  await waitFor(() => logged('master.ready'), 20_000, 'the start');
  terminal.type('\n');
  await waitFor(() => logged('got SIGWINCH'), 20_000, 'the change of size');
  const master = terminal.processes().find(({ args }) => args.startsWith('holdfast: master'))?.pid ?? 0;
  process.kill(master, 'SIGUSR1');
  await waitFor(() => logged('got SIGUSR1'), 20_000, 'the order after it');
  t.notRegex(readFileSync(log, 'utf8'), /draining/);
  const [, port] = /listening on 127\.0\.0\.1:(\d+)/.exec(readFileSync(log, 'utf8')) ?? [];
  t.is((await ask({ host: '127.0.0.1', port: Number(port) })).status, 200);
  terminal.type('\x03');
  await waitFor(() => terminal.processes().length === 0, 20_000, 'everything to end');
});

test("the exit status of a master that cannot start is the keeper's", async (t) => {
  const terminal = openTerminal(t, [process.execPath, holdfastCommand, '-b', '127.0.0.1:0', './nowhere.js']);
  t.is((await terminal.exit).status, 4);
  t.regex(terminal.output, /holdfast: cannot load \.\/nowhere\.js: no such file/);
});

test('a keeper that is killed takes no port with it: the master stops, for nobody watches it', async (t) => {
  const pidfile = join(tempDir(t), 'pid');
  const terminal = openTerminal(t, [process.execPath, holdfastCommand, '-b', '127.0.0.1:0', '-p', pidfile, fixture('hello.js')]);
  await terminal.shows(/serving on/);
  const keeper = terminal.processes().find(({ role }) => role === 'keeper');
  process.kill(keeper?.pid ?? 0, 'SIGKILL');
  await terminal.exit;
  await waitFor(() => terminal.processes().length === 0, 20_000, 'everything to end');
  t.false(existsSync(pidfile));
});

test('a master that is killed ends its keeper with status 1 and a line that says so', async (t) => {
  const pidfile = join(tempDir(t), 'pid');
  const terminal = openTerminal(t, [process.execPath, holdfastCommand, '-b', '127.0.0.1:0', '-p', pidfile, fixture('hello.js')]);
  await terminal.shows(/serving on/);
  const master = Number(readFileSync(pidfile, 'utf8'));
  process.kill(master, 'SIGKILL');
  t.is((await terminal.exit).status, 1);
  t.true(terminal.output.includes(`holdfast: the master (pid ${master}) died without a word`));
  await waitFor(() => terminal.processes().length === 0, 20_000, 'everything to end');
});

test('signals to a keeper whose master has no handlers yet wait for them', async (t) => {
  const gate = join(tempDir(t), 'gate');
  const env = { GATE: gate, NODE_OPTIONS: `--import=${pathToFileURL(fixture('late-master.mjs'))}` };
  const terminal = openTerminal(t, [process.execPath, holdfastCommand, '-b', '127.0.0.1:0', fixture('hello.js')], { env });
  const keeper = await waitFor(() => terminal.processes().find(({ role }) => role === 'keeper'), 20_000, 'the keeper');
  const master = await waitFor(() => children(keeper.pid).at(0), 20_000, 'the master');
  t.is(caughtSignals(master) & (1n << BigInt(constants.signals.SIGUSR2 - 1)), 0n, 'it would be killed');
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGTTIN'] as const) await deliver(keeper.pid, signal);
  writeFileSync(gate, '');
  await terminal.shows(/refused: the master is still starting/);
  await terminal.shows(/serving on 127\.0\.0\.1:\d+ with 2 workers/);
  t.true(isAlive(master));
});

test('^C while the app still loads ends everything', async (t) => {
  const app = join(tempDir(t), 'app.mjs');
  writeFileSync(app, 'await new Promise((resolve) => setTimeout(resolve, 60_000));');
  const terminal = openTerminal(t, [process.execPath, holdfastCommand, '-b', '127.0.0.1:0', app]);
  await waitFor(() => terminal.processes().some(({ role }) => role === 'keeper'), 20_000, 'the keeper');
  terminal.type('\x03');
  await terminal.exit;
  await waitFor(() => terminal.processes().length === 0, 20_000, 'everything to end');
  t.pass();
});

for (const { where, run, before } of [
  { where: 'on a terminal', run: test, before: [] },
  { where: 'as process 1 with a terminal', run: canBeProcessOne() ? test : test.skip, before: asProcessOne },
] as const) {
  run(`${where} a WINCH is its change of size, and nobody drains`, async (t) => {
    const options = ['-b', '127.0.0.1:0', '--log-level', 'debug'];
    const terminal = openTerminal(t, [...before, process.execPath, holdfastCommand, ...options, fixture('hello.js')]);
    await terminal.shows(/serving on/);
    const keeper = terminal.processes().find(({ role }) => role === 'keeper')?.pid ?? 0;
    process.kill(keeper, 'SIGWINCH');
    // Two that come through, one after the other: the WINCH before them has been dealt with.
    process.kill(keeper, 'SIGUSR1');
    await terminal.shows(/got SIGUSR1/);
    process.kill(keeper, 'SIGTTIN');
    await terminal.shows(/got SIGTTIN/);
    t.notRegex(terminal.output, /got SIGWINCH/);
    terminal.type('\x03');
    t.is((await terminal.exit).status, 0);
    await waitFor(() => terminal.processes().length === 0, 20_000, 'everything to end');
  });
}

test('a terminal that is closed ends everything, in order', async (t) => {
  const dir = tempDir(t);
  const [pidfile, log, status] = [join(dir, 'pid'), join(dir, 'log'), join(dir, 'status')];
  // A shell that passes the hang-up on and outlives it, to ask for the keeper's end.
  const shell = ['sh', '-c', '"$@" & trap "kill -HUP $!" HUP; wait $!; wait $!; echo $? > "$0"', status];
  const options = ['-b', '127.0.0.1:0', '-p', pidfile, '--log-file', log, fixture('hello.js')];
  const terminal = openTerminal(t, [...shell, process.execPath, holdfastCommand, ...options]);
  await waitFor(() => existsSync(log) && readFileSync(log, 'utf8').includes('master.ready'), 10_000, 'the master to be ready');
  const [script] = terminal.processes().filter(({ args }) => args.startsWith('script '));
  process.kill(script?.pid ?? 0, 'SIGKILL');
  await waitFor(() => terminal.processes().length === 0, 20_000, 'everything to end');
  t.false(existsSync(pidfile));
  t.is(readFileSync(status, 'utf8'), '0\n', 'nobody is aborted');
  t.regex(readFileSync(log, 'utf8'), /worker 1 exited with status 0/);
});
