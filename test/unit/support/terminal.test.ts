import test from 'ava';
import { openTerminal } from '../../support/terminal.js';
import { waitFor } from '../../support/wait.js';

const code = `
  process.on('SIGINT', () => { console.log('got ^C'); process.exit(7); });
  console.log("it's " + process.stdin.isTTY + ' ' + process.stdout.isTTY);
  setInterval(() => {}, 1000);`;

test('a command has a controlling terminal, and ^C reaches it', async (t) => {
  const terminal = openTerminal(t, [process.execPath, '-e', code]);
  await terminal.shows(/it's true true/);
  terminal.type('\x03');
  await terminal.shows(/got \^C/);
  t.deepEqual(await terminal.exit, { status: 7, signal: null });
  await waitFor(() => terminal.processes().length === 0, 20_000, 'the end of everything on it');
});

test('the end of the test ends what runs on its terminal, even what ignores its hang-up', async (t) => {
  const teardowns: (() => unknown)[] = [];
  const inner = { passed: true, log: () => {}, teardown: (fn: () => unknown) => void teardowns.push(fn) } as unknown as typeof t;
  const terminal = openTerminal(inner, ['/bin/sh', '-c', 'trap "" HUP TERM; echo up; sleep 60']);
  await terminal.shows(/up/);
  await waitFor(() => terminal.processes().some(({ args }) => args === 'sleep 60'), 20_000, 'what the shell does next');
  for (const fn of teardowns) await fn();
  await waitFor(() => terminal.processes().length === 0, 20_000, 'the end of everything on it');
  t.pass();
});
