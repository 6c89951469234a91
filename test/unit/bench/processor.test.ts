import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { processorTime, processorTimeOf, processorTimeOfAll, processorTimeOfEnded } from '../../bench/processor.js';
import { waitFor } from '../../support/wait.js';

test('what a session uses is found while it lives, and what a child used when it has ended', async (t) => {
  const [all, ended] = [processorTimeOfAll(), processorTimeOfEnded()];
  // A shell in a session of its own, and the child that does the work.
  const child = spawn('/bin/sh', ['-c', '(while :; do :; done) & wait'], { detached: true, stdio: 'ignore' });
  const session = child.pid ?? 0;
  t.teardown(() => child.exitCode ?? child.signalCode ?? process.kill(-session, 'SIGKILL'));
  await waitFor(() => processorTimeOf(session) >= 0.1, 20_000, 'a tenth of a second of the processors');
  t.true(processorTime(session) < processorTimeOf(session));
  t.true(processorTimeOfAll() - all >= 0.1);
  const quick = spawn(process.execPath, ['-e', 'const until = Date.now() + 50; while (Date.now() < until);'], { stdio: 'ignore' });
  await once(quick, 'exit');
  t.true(processorTimeOfEnded() > ended);
  t.is(processorTime(quick.pid ?? 0), 0);
});
