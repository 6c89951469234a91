// Signals, alone and in storms.
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { SIGNALS } from '#src/master/signals.js';
import { ask } from '../support/ask.js';
import { holdLoading } from '../support/held-upgrade.js';
import { startHoldfast } from '../support/holdfast.js';
import { caughtSignals } from '../support/proc.js';
import { Releases } from '../support/releases.js';
import { reopened } from '../support/reopened.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

const NAMES = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGTTIN', 'SIGTTOU'] as const;

test('TTIN and TTOU change the number of workers, and one stays', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['-w', '1'] });
  for (const [signal, count] of [
    ['SIGTTIN', 2],
    ['SIGTTIN', 3],
    ['SIGTTOU', 2],
    ['SIGTTOU', 1],
    ['SIGTTOU', 1],
  ] as const) {
    holdfast.signal(signal);
    await waitFor(() => holdfast.workers().length === count, 20_000, `${count} workers after ${signal}`);
  }
  t.pass();
});

test('every process of ours handles each of them: none kills by chance, and USR1 never starts the inspector', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['-w', '2'] });
  for (const { pid, role } of holdfast.processes())
    for (const name of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[])
      t.true((caughtSignals(pid) & (1n << BigInt(constants.signals[name] - 1))) !== 0n, `${role} handles ${name}`);
});

test('TTIN holds over HUP, not over USR2', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['-w', '1'] });
  holdfast.signal('SIGTTIN');
  await waitFor(() => holdfast.workers().length === 2, 20_000, 'two workers');
  await holdfast.reload();
  await waitFor(() => holdfast.workers().length === 2, 20_000, 'two new workers');
  await holdfast.upgrade();
  await waitFor(() => holdfast.workers(1).length === 0, 20_000, 'the old ones to leave');
  t.is(holdfast.workers().length, 1);
});

test('WINCH drains the workers and keeps the master; HUP brings them back', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['-w', '2'] });
  holdfast.signal('SIGWINCH');
  await waitFor(() => holdfast.workers().length === 0, 20_000, 'no workers');
  const waiting = ask(holdfast.target);
  await holdfast.reload();
  t.is((await waiting).status, 200, 'a connection that came meanwhile was queued');
  t.is(holdfast.workers().length, 2);
});

test('a second USR2 is refused and logged', async (t) => {
  const releases = new Releases(t);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current });
  const { slow } = await holdLoading(holdfast, releases, 1);
  holdfast.signal('SIGUSR2');
  await holdfast.says(/^refused: an upgrade is under way/);
  slow.open();
  await holdfast.event('upgrade.done');
  t.is(holdfast.events('upgrade.start').length, 1);
});

test('TERM during an upgrade cancels it and stops', async (t) => {
  const releases = new Releases(t);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, allowErrors: [/upgrade\.rollback/] });
  await holdLoading(holdfast, releases, 1);
  holdfast.signal('SIGTERM');
  await holdfast.gone();
  t.is((await holdfast.exit).status, 0);
});

test('a hundred mixed signals in a second end in a state that serves, upgrades and stops', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['-w', '2'], allowErrors: [/reload\.failed/], stopMs: 40_000 });
  let seed = 7;
  for (let sent = 0; sent < 100; sent += 1) {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    holdfast.signal(NAMES[seed % NAMES.length] ?? 'SIGHUP');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  holdfast.signal('SIGHUP');
  await waitFor(
    () => holdfast.events('reload.start').length === holdfast.events('reload.done').length + holdfast.events('reload.failed').length,
    60_000,
    'all reloads to end',
  );
  await waitFor(async () => (await ask(holdfast.target)).status === 200, 30_000, 'an answer');
  const verdict = await holdfast.upgrade();
  t.true(verdict.event === 'upgrade.done');
  await waitFor(() => holdfast.processes().length === 3, 40_000, 'one master and two workers');
});

test('USR1 reopens the log in the master and in the workers', async (t) => {
  const dir = tempDir(t);
  const file = join(dir, 'shop.log');
  const holdfast = await startHoldfast(t, { args: ['-w', '2', '--log-file', file], untilReady: false });
  const shows = (name: string, pattern: RegExp) =>
    waitFor(() => existsSync(name) && pattern.test(readFileSync(name, 'utf8')), 20_000, `${pattern} in ${name}`);
  await shows(file, /master\.ready/);
  renameSync(file, `${file}.1`);
  holdfast.signal('SIGUSR1');
  await reopened(holdfast, file, `${file}.1`);
  holdfast.signal('SIGTERM');
  await holdfast.gone();
  const now = readFileSync(file, 'utf8');
  t.regex(now, /"role":"worker".*"event":"drain\.end"/);
  t.regex(now, /"event":"master\.exit"/);
  t.notRegex(readFileSync(`${file}.1`, 'utf8'), /drain|master\.exit/, 'nothing is written to the old file any more');
});
