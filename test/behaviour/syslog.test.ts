// The log and the access log in syslog, over a socket of the test's own in the place of /dev/log.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { ask } from '../support/ask.js';
import { Receiver } from '../support/datagrams.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { fixture } from '../support/paths.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

const ENTRY = /^<(\d+)>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ([\w.-]+)\[(\d+)\]: (.*)$/;

/**
 * Waits until every line of the log, and so many others, have come. The kernel's queue has room for ten (net.unix.max_dgram_qlen), and what does
 * not fit goes with a process that is killed, or that ends and has waited for a moment: so before an end the queue is to be empty.
 */
async function allHeard(holdfast: Holdfast, heard: readonly string[], others = 0): Promise<void> {
  await waitFor(
    () => heard.length === holdfast.log.length + others,
    20_000,
    () => `${holdfast.log.length} lines of the log and ${others} of the other; heard ${heard.length}`,
  );
}

function entries(heard: readonly string[]) {
  return heard.map((datagram) => {
    const [, priority, tag, pid, text = ''] = ENTRY.exec(datagram) ?? [];
    return { priority: Number(priority), tag, pid: Number(pid), text };
  });
}

test('every line of the log and of the access log is a datagram, beside the log itself', async (t) => {
  const path = join(tempDir(t), 'log.sock');
  const { heard } = new Receiver(t, path);
  const args = ['-n', 'shop', '--log-syslog', '--log-syslog-to', `unix://${path}`, '--log-syslog-facility', 'local3'];
  const holdfast = await startHoldfast(t, { args });
  await ask(holdfast.target, '/pid');
  await allHeard(holdfast, heard, 1);
  const [worker] = holdfast.workers();
  process.kill(worker?.pid ?? 0, 'SIGKILL');
  await holdfast.event('worker.ready', (line) => line['worker'] !== worker?.pid);
  await allHeard(holdfast, heard, 1);
  await holdfast.upgrade();
  await waitFor(() => holdfast.processes().length === 2, 20_000, 'the new generation alone');
  await allHeard(holdfast, heard, 1);
  await holdfast.stop();
  await allHeard(holdfast, heard, 1);
  const lines = holdfast.log.map((line) => JSON.stringify(line));
  const all = entries(heard);
  const log = all.filter(({ tag }) => tag === 'holdfast.shop');
  t.deepEqual(log.map(({ text }) => text).sort(), lines.sort());
  for (const { priority, pid, text } of log) {
    const line = JSON.parse(text) as { level: string; pid: number };
    t.deepEqual([priority, pid], [19 * 8 + { info: 6, warning: 4, error: 3 }[line.level as 'info'], line.pid]);
  }
  t.true(
    log.some(({ priority }) => priority === 19 * 8 + 4),
    'the worker that was killed is a warning',
  );
  const access = all.filter(({ tag }) => tag === 'holdfast.shop.access');
  t.is(access.length, 1);
  t.regex(access[0]?.text ?? '', /^127\.0\.0\.1 - - \[.*\] "GET \/pid HTTP\/1\.1" 200 \d+ "-" "-"$/);
  t.is(access[0]?.priority, 19 * 8 + 6);
});

test('the access log may stay out of it', async (t) => {
  const path = join(tempDir(t), 'log.sock');
  const { heard } = new Receiver(t, path);
  const args = ['--log-syslog', '--log-syslog-to', `unix://${path}`, '--log-syslog-prefix', 'a', '--disable-redirect-access-to-syslog'];
  const holdfast = await startHoldfast(t, { args });
  await ask(holdfast.target, '/pid');
  await allHeard(holdfast, heard);
  await holdfast.stop();
  await allHeard(holdfast, heard);
  t.deepEqual([...new Set(entries(heard).map(({ tag }) => tag))], ['holdfast.a']);
});

test('a syslog that is missing, and one that comes back, stop nobody; each process says so once', async (t) => {
  const path = join(tempDir(t), 'log.sock');
  const holdfast = await startHoldfast(t, { args: ['--log-syslog', '--log-syslog-to', `unix://${path}`] });
  for (let asked = 0; asked < 20; asked += 1) t.is((await ask(holdfast.target)).status, 200);
  const said = (pattern: RegExp) => holdfast.log.filter(({ level, msg }) => level === 'warning' && pattern.test(msg ?? ''));
  const missing = /^cannot log to syslog at .*log\.sock: no such file or directory/;
  await waitFor(() => said(missing).length === 2, 20_000, 'the word of master and worker');
  const receiver = new Receiver(t, path);
  const { heard } = receiver;
  t.is((await ask(holdfast.target, '/pid')).status, 200);
  await waitFor(() => heard.some((datagram) => datagram.includes('GET /pid')), 20_000, 'the line');
  await waitFor(() => said(/^syslog at .* takes lines again; it has missed \d+$/).length === 1, 20_000, 'the word that it is back');
  t.is(said(missing).length, 2);
  receiver.close();
  t.is((await ask(holdfast.target)).status, 200);
  await waitFor(() => said(missing).length === 3, 20_000, 'the word that it is gone again');
});

test('a syslog that is stopped costs nobody a processor, and gets what was kept for it when it goes on', async (t) => {
  const path = join(tempDir(t), 'log.sock');
  const receiver = new Receiver(t, path);
  const { heard } = receiver;
  const holdfast = await startHoldfast(t, { args: ['--log-syslog', '--log-syslog-to', `unix://${path}`] });
  const pid = holdfast.workers()[0]?.pid ?? 0;
  receiver.pause();
  // The kernel's queue has room for ten or for 512 (net.unix.max_dgram_qlen); each goes to its end and beyond.
  for (let round = 0; round < 7; round += 1) await Promise.all(Array.from({ length: 100 }, () => ask(holdfast.target, '/pid')));
  const [cpu, since] = [cpuSeconds(pid), performance.now()];
  // Time itself is what is measured here.
  await waitFor(() => performance.now() - since > 2_000, 5_000, 'two seconds');
  t.true(cpuSeconds(pid) - cpu < 0.2, `${cpuSeconds(pid) - cpu} s of two`);
  receiver.read();
  await waitFor(
    () => entries(heard).filter(({ text }) => text.includes('GET /pid')).length === 700,
    20_000,
    () => `700 lines, not ${heard.length}`,
  );
  t.false(
    holdfast.log.some(({ msg }) => /syslog/.test(msg ?? '')),
    'slow is not missing',
  );
});

test("its socket does not keep a worker that waits for its app's last words", async (t) => {
  const path = join(tempDir(t), 'log.sock');
  new Receiver(t, path);
  const args = ['--log-syslog', '--log-syslog-to', `unix://${path}`];
  const holdfast = await startHoldfast(t, { args, app: fixture('sigterm.mjs'), stopMs: 20_000 });
  t.is((await holdfast.stop()).status, 0);
});

test('over UDP the host is named, as RFC 3164 has it', async (t) => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  t.teardown(() => socket.close());
  await once(socket, 'listening');
  const heard: string[] = [];
  socket.on('message', (datagram) => heard.push(datagram.toString()));
  const holdfast = await startHoldfast(t, { args: ['--log-syslog', '--log-syslog-to', `udp://127.0.0.1:${socket.address().port}`] });
  await ask(holdfast.target, '/pid');
  await waitFor(
    () => heard.some((datagram) => /^<14>\w{3} [ \d]\d [\d:]{8} \S+ holdfast\.full\.access\[\d+\]: .*GET \/pid/.test(datagram)),
    20_000,
    'it',
  );
  t.true(heard.some((datagram) => /^<14>\w{3} [ \d]\d [\d:]{8} \S+ holdfast\.full\[\d+\]: \{"level":"info"/.test(datagram)));
});

test('a host over UDP whose name is not found is told as any syslog that is missing, and stops nobody', async (t) => {
  // Nobody is asked for such a name.
  const holdfast = await startHoldfast(t, { args: ['--log-syslog', '--log-syslog-to', 'udp://a..b'] });
  await holdfast.says(/^cannot log to syslog at udp:\/\/a\.\.b:514: .*a\.\.b/, ({ role }) => role === 'master');
  // Its first line is the one of the access log.
  t.is((await ask(holdfast.target)).status, 200);
  await holdfast.says(/^cannot log to syslog at udp:\/\/a\.\.b:514: .*a\.\.b/, ({ role }) => role === 'worker');
});

function cpuSeconds(pid: number): number {
  const [utime, stime] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ').slice(11, 13).map(Number) ?? [];
  return ((utime ?? 0) + (stime ?? 0)) / 100;
}
