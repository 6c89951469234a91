import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { Forerunners } from '#src/master/forerunners.js';
import type { WorkerStart } from '#src/master/worker-start.js';
import { pipe } from '#src/sys/descriptors.js';

/** As a worker that was told nothing: it leaves when its channel ends. */
const UNTOLD = "new (require('net').Socket)({ fd: 3 }).resume().on('end', () => process.exit(8))";

/** One that was sent ahead, and how. */
function ahead(t: ExecutionContext, script = UNTOLD): { forerunners: Forerunners; start: WorkerStart; child: ChildProcess } {
  const { reading, writing } = pipe();
  const start: WorkerStart = {
    program: process.execPath,
    command: [process.execPath, '-e', script],
    script: '/dev/null',
    guarded: true,
    cwd: '/',
    env: { HOLDFAST_WORKER: '1' },
    lease: reading,
    listeners: [],
    ownSession: false,
    output: 'inherit',
  };
  const forerunners = new Forerunners();
  const child = forerunners.add(start, 2);
  t.teardown(() => {
    child.kill('SIGKILL');
    for (const fd of [reading, writing]) closeSync(fd);
  });
  return { forerunners, start, child };
}

test('one that was started in just this way is taken, and once; its generation is known only then', (t) => {
  const { forerunners, start, child } = ahead(t);
  const taken = forerunners.take({ ...start, env: { ...start.env, HOLDFAST_GENERATION: '7' } });
  t.is(taken?.process, child);
  t.is(forerunners.take(start), undefined);
  forerunners.dismiss();
  t.false(child.killed);
  if (taken?.guard !== undefined) closeSync(taken.guard);
});

const others: Readonly<Record<string, Partial<WorkerStart>>> = {
  command: { command: [process.execPath, '-e', '1'] },
  directory: { cwd: '/tmp' },
  guard: { guarded: false },
  slot: { env: { HOLDFAST_WORKER: '2' } },
  variable: { env: { HOLDFAST_WORKER: '1', PATH: '/' } },
  lease: { lease: 99 },
  listener: { listeners: [3] },
  session: { ownSession: true },
  output: { output: 2 },
};

for (const [what, other] of Object.entries(others))
  test(`one with another ${what} is not, and killed when nobody wants it`, async (t) => {
    const { forerunners, start, child } = ahead(t);
    t.is(forerunners.take({ ...start, ...other }), undefined);
    forerunners.dismiss();
    t.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
    t.is(forerunners.take(start), undefined);
  });

test('nor is one that has ended by then', async (t) => {
  const { forerunners, start, child } = ahead(t, 'process.exit(0)');
  await once(child, 'exit');
  t.is(forerunners.take(start), undefined);
  forerunners.dismiss();
});
