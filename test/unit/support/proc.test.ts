import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import test from 'ava';
import { descriptors, listeningOn } from '../../support/descriptors.js';
import { children, commandLine, isAlive, rss, stat, waitGone, zombiesBelow } from '../../support/proc.js';
import { freeze, thaw } from '../../support/signals.js';
import { waitFor } from '../../support/wait.js';

test('a zombie is dead', async (t) => {
  // The shell does not wait for its child, as it has become another program.
  const parent = spawn('/bin/sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => void parent.kill('SIGKILL'));
  const [text] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(String(text));
  await waitFor(() => stat(pid)?.state === 'Z', 20_000, 'a zombie');
  t.notThrows(() => process.kill(pid, 0), 'kill(2) still finds it');
  t.false(isAlive(pid));
  t.deepEqual(
    zombiesBelow(process.pid).map((zombie) => zombie.pid),
    [pid],
  );
  await waitGone(pid, 100);
});

test('a process is found with its parent, children, memory and command line, until it is gone', async (t) => {
  const child = spawn('/bin/sleep', ['60']);
  const pid = child.pid ?? 0;
  t.teardown(() => void child.kill('SIGKILL'));
  t.is(stat(pid)?.ppid, process.pid);
  t.true(children(process.pid).includes(pid));
  t.true(isAlive(pid));
  await waitFor(() => commandLine(pid) === '/bin/sleep 60', 20_000, 'the exec');
  t.true(rss(pid) > 100_000 && rss(pid) < 100_000_000);
  child.kill('SIGKILL');
  await waitGone(pid, 20_000);
  t.false(isAlive(pid));
  t.throws(() => rss(pid));
  t.is(descriptors(pid).count, 0);
});

test('waiting ends with its reason when the time is up', async (t) => {
  await t.throwsAsync(
    waitFor(() => false, 20, 'what never comes'),
    { message: 'waited 20 ms for what never comes' },
  );
  await t.throwsAsync(waitGone(process.pid, 20), { message: /the end of \d+ \(.*node/ });
});

test('a listening socket is told with its port, and by who holds it', async (t) => {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => void server.close());
  const { port } = server.address() as AddressInfo;
  t.deepEqual(listeningOn(port), [process.pid]);
  const { list, kinds, count } = descriptors(process.pid);
  t.true(list.some((line) => line.endsWith(`tcp 127.0.0.1:${port} listening`)));
  t.is(kinds.socket + kinds.pipe + kinds.file + kinds.anon, count);
  server.close();
  await once(server, 'close');
  t.deepEqual(listeningOn(port), []);
});

test('a frozen process stands still until it is thawed', async (t) => {
  const child = spawn('/bin/sleep', ['60']);
  const pid = child.pid ?? 0;
  t.teardown(() => void child.kill('SIGKILL'));
  await freeze(t, pid);
  t.is(stat(pid)?.state, 'T');
  t.true(isAlive(pid));
  thaw(pid);
  await waitFor(() => stat(pid)?.state === 'S', 20_000, 'the thaw');
  t.pass();
});
