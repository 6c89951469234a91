// Who gets a signal, and what happens to one that nobody can take. The masters are small real processes that write down what they get.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { Charge } from '#src/keeper/charge.js';
import { waitFor } from '../../support/wait.js';

const program = `
  const { writeSync } = require('node:fs');
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => writeSync(1, signal + '\\n'));
  setInterval(() => {}, 1e6);
  writeSync(1, 'here\\n');`;

interface Player {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Resolves when it has got these, and nothing beside them. */
  got(...signals: readonly string[]): Promise<void>;
}

async function player(t: ExecutionContext): Promise<Player> {
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  let text = '';
  child.stdout.on('data', (piece: Buffer) => {
    text += piece.toString();
  });
  const got = async (...signals: readonly string[]) => {
    const wanted = ['here', ...signals, ''].join('\n');
    await waitFor(
      () => text.length >= wanted.length,
      20_000,
      () => `${JSON.stringify(wanted)}, got ${JSON.stringify(text)}`,
    );
    t.is(text, wanted);
  };
  await got();
  return { pid: child.pid ?? 0, child, got };
}

/** Dead, and no zombie any more. */
async function end({ child }: Player): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('a signal waits until somebody is in charge, and keeps its place', async (t) => {
  const charge = new Charge(() => {});
  const first = await player(t);
  charge.deliver('SIGHUP');
  charge.give(first.pid);
  await first.got('SIGHUP');
  charge.deliver('SIGUSR2');
  await first.got('SIGHUP', 'SIGUSR2');
});

test('a signal that the dead cannot take waits for the next one', async (t) => {
  const charge = new Charge(() => {});
  const first = await player(t);
  const second = await player(t);
  charge.give(first.pid);
  await end(first);
  charge.deliver('SIGHUP');
  charge.give(second.pid);
  await second.got('SIGHUP');
});

test('who is dead is looked up first, for a zombie would take the signal', async (t) => {
  const first = await player(t);
  const second = await player(t);
  const charge: Charge = new Charge(() => charge.bury(first.pid));
  charge.give(first.pid);
  charge.deliver('SIGHUP');
  t.is(charge.pid, undefined);
  t.is(charge.last, first.pid);
  charge.give(second.pid);
  await second.got('SIGHUP');
  await first.got();
});

test('an order to stop goes to whoever is in charge next, too, and no other signal does', async (t) => {
  const charge = new Charge(() => {});
  const first = await player(t);
  const second = await player(t);
  charge.give(first.pid);
  charge.deliver('SIGUSR2');
  await first.got('SIGUSR2');
  charge.deliver('SIGTERM');
  await first.got('SIGUSR2', 'SIGTERM');
  charge.give(first.pid);
  charge.give(second.pid);
  await second.got('SIGTERM');
  await first.got('SIGUSR2', 'SIGTERM');
});

test('a graceful stop does not take back a quick one', async (t) => {
  const charge = new Charge(() => {});
  const first = await player(t);
  const second = await player(t);
  charge.give(first.pid);
  charge.deliver('SIGINT');
  await first.got('SIGINT');
  charge.deliver('SIGTERM');
  await first.got('SIGINT', 'SIGTERM');
  charge.give(second.pid);
  await second.got('SIGINT');
});
