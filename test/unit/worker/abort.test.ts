import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';

/** A process with a stack watch on descriptor 3. Resolves when its thread waits. */
async function watched(t: ExecutionContext, then: string): Promise<{ child: ChildProcess; order: Writable; output: () => string }> {
  const script = `
    import { writeSync } from 'node:fs';
    import { execFileSync } from 'node:child_process';
    import { startStackWatch } from '#src/worker/abort.js';
    startStackWatch(3, 1, { gen: 7 });
    setTimeout(() => theApp(), 300);
    function theApp() { writeSync(1, 'stuck\\n'); ${then} }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const order = child.stdio[3] as Writable;
  order.on('error', () => {});
  if (child.stdout !== null) await once(child.stdout, 'data');
  return { child, order, output: () => output };
}

const loops = {
  'an empty loop': 'for (;;);',
  'a busy loop': 'let n = 0; for (;;) n += Math.sqrt(n);',
  'a regular expression': "/^(a+)+$/.test('a'.repeat(40) + 'b');",
};

for (const [what, loop] of Object.entries(loops)) {
  test.serial(`says where the main thread is stuck, and aborts: ${what}`, async (t) => {
    const { child, order, output } = await watched(t, loop);
    order.write('!');
    const [, signal] = await once(child, 'close');
    t.is(signal, 'SIGABRT');
    const lines = output().trim().split('\n');
    t.is(lines.length, 2);
    const line = JSON.parse(lines[1] ?? '') as { stack: string[] };
    t.like(line, { role: 'worker', event: 'worker.timeout', gen: 7, pid: child.pid });
    t.true(line.stack.some((frame) => /^theApp \(.*:7\)$/.test(frame)));
  });
}

test.serial('aborts after a second when the main thread cannot be looked into', async (t) => {
  const { child, order, output } = await watched(t, "execFileSync('sleep', ['5'])");
  const before = performance.now();
  order.write('!');
  const [, signal] = await once(child, 'exit');
  t.is(signal, 'SIGABRT');
  t.true(performance.now() - before > 900);
  t.regex(output(), /"stack":\[\]/);
});

test.serial('neither the watch nor the end of its descriptor keeps or ends the process', async (t) => {
  const { child, order } = await watched(t, 'setTimeout(() => process.exitCode = 8, 200)');
  order.end();
  const [code, signal] = await once(child, 'close');
  t.deepEqual([code, signal], [8, null]);
});
