import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { pipe } from '#src/sys/descriptors.js';
import { createGuard, signalsAtEndOnly } from '#src/sys/guard.js';
import { killAtEnd } from '#src/sys/kill-at-end.js';

const linux = process.platform === 'linux' ? test : test.skip;

interface Guarded {
  readonly child: ChildProcess;
  /** Lets go of the writing end of its pipe. */
  end(): void;
}

/** A process with a guard on descriptor 3. Resolves when it has said that it does what it is to do. */
async function guarded(t: ExecutionContext, script: string): Promise<Guarded> {
  const { reading, writing } = pipe();
  const guard = createGuard(reading);
  closeSync(reading);
  if (guard === undefined) throw new Error('there is no guard');
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit', guard] });
  t.teardown(() => child.kill('SIGKILL'));
  killAtEnd(guard, child.pid ?? 0);
  closeSync(guard);
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return { child, end: () => closeSync(writing) };
}

linux('a process that is stuck is killed when the pipe of its guard ends', async (t) => {
  const { child, end } = await guarded(t, "require('fs').writeSync(1, 'stuck'); for (;;);");
  end();
  t.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
});

linux('one that has closed its guard lives on', async (t) => {
  const { child, end } = await guarded(
    t,
    "require('fs').closeSync(3); process.stdout.write('closed'); setTimeout(() => process.exit(8), 300);",
  );
  end();
  t.deepEqual(await once(child, 'exit'), [8, null]);
});

linux('and so does one whose pipe has not ended, whoever else reads from it', async (t) => {
  const { reading, writing } = pipe();
  const guards = [1, 2].map(() => createGuard(reading) ?? -1) as [number, number];
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => process.exit(8), 300)'], {
    stdio: ['ignore', 'ignore', 'inherit', guards[0]],
  });
  t.teardown(() => child.kill('SIGKILL'));
  killAtEnd(guards[0], child.pid ?? 0);
  for (const fd of [...guards, reading]) closeSync(fd);
  t.deepEqual(await once(child, 'exit'), [8, null]);
  closeSync(writing);
});

test('there is none of what is no descriptor', (t) => {
  t.is(createGuard(1_000_000), undefined);
});

linux('root of a user namespace does not reach with it who has become somebody else', (t) => {
  const guard = import.meta.resolve('#src/sys/guard.js');
  const script = `import { reachesDropped } from ${JSON.stringify(guard)}; process.stdout.write(String(reachesDropped()))`;
  const within = spawnSync('unshare', ['-r', process.execPath, '--input-type=module', '-e', script], { encoding: 'utf8' });
  if (within.status !== 0) return void t.pass('this needs unshare and a user namespace');
  t.is(within.stdout, 'false');
});

test('there is none where pipes signal at every close', (t) => {
  const versions = ['4.18.0-553.el8_10.x86_64', '5.4.0-200-generic', '5.5.19', '5.6.0', '5.15.0-91-generic', '6.18.44'];
  t.deepEqual(versions.map(signalsAtEndOnly), [false, false, false, true, true, true]);
});
