import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import test, { type ExecutionContext } from 'ava';

/** A process with a watchdog: its order on descriptor 3, its lease on 4. Resolves when it does what it is to be stuck in. */
async function watched(
  t: ExecutionContext,
  then: string,
): Promise<{ child: ChildProcess; order: Duplex; lease: Duplex; stack: () => string }> {
  const script = `
    import { writeSync } from 'node:fs';
    import { execFileSync } from 'node:child_process';
    import { startWatchdog } from '#src/worker/watchdog.js';
    const watchdog = startWatchdog({ order: 3, lease: 4, limit: 1000 });
    watchdog.leaseEnded.then(() => writeSync(1, 'lease ended\\n'));
    theApp();
    function stuck() { writeSync(1, 'stuck\\n'); }
    function theApp() { ${then} }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  const [order, lease] = child.stdio.slice(3) as unknown as [Duplex, Duplex];
  let stack = '';
  order.setEncoding('utf8').on('data', (text: string) => {
    stack += text;
  });
  for (const end of [order, lease]) end.on('error', () => {});
  if (child.stdout !== null) await once(child.stdout, 'data');
  return { child, order, lease, stack: () => stack };
}

const loops = {
  'an empty loop': 'stuck(); for (;;);',
  'a busy loop': 'stuck(); let n = 0; for (;;) n += Math.sqrt(n);',
  'a regular expression': "stuck(); /^(a+)+$/.test('a'.repeat(40) + 'b');",
};

for (const [what, loop] of Object.entries(loops)) {
  test.serial(`says where the main thread is stuck, and aborts: ${what}`, async (t) => {
    const { child, order, stack } = await watched(t, loop);
    order.write('!');
    const [, signal] = await once(child, 'close');
    t.is(signal, 'SIGABRT');
    t.regex(stack(), /^theApp \(.*:9\)$/m);
  });
}

test.serial('aborts after a second when the main thread cannot be looked into', async (t) => {
  const { child, order, stack } = await watched(t, "execFileSync('sh', ['-c', 'echo stuck; exec sleep 20'], { stdio: 'inherit' })");
  const before = performance.now();
  order.write('!');
  const [, signal] = await once(child, 'exit');
  t.is(signal, 'SIGABRT');
  t.true(performance.now() - before > 900);
  t.is(stack(), '');
});

test.serial('kills a stuck worker whose lease has ended', async (t) => {
  const { child, lease } = await watched(t, 'stuck(); for (;;);');
  lease.destroy();
  const [, signal] = await once(child, 'close');
  t.is(signal, 'SIGKILL');
});

test.serial('allows what it is told to after the end of the lease', async (t) => {
  const { child, lease } = await watched(t, 'stuck(); watchdog.allow(60_000); setTimeout(() => process.exit(8), 1500)');
  lease.destroy();
  const [code, signal] = await once(child, 'close');
  t.deepEqual([code, signal], [8, null]);
});

test.serial('neither the watchdog nor the end of its order keeps or ends the process', async (t) => {
  const { child, order } = await watched(t, 'stuck(); setTimeout(() => process.exitCode = 8, 200)');
  order.end();
  const [code, signal] = await once(child, 'close');
  t.deepEqual([code, signal], [8, null]);
});
