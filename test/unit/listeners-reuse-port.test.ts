import { readFileSync } from 'node:fs';
import ava, { type ExecutionContext } from 'ava';
import {
  type Address,
  allowBeside,
  bindBeside,
  bindListener,
  closeListener,
  inheritListener,
  type Listener,
  listen,
  mayHaveBeside,
  parseLabel,
} from '#src/listeners/index.js';
import { ask, owned, play, portOf, SERVE } from './listeners-process.js';

// One at a time: descriptors are closed here that another test could have been given meanwhile.
const test = ava.serial;

const bound = async (t: ExecutionContext, label: string, port?: number): Promise<Listener> =>
  owned(t, await bindListener(parseLabel(label) as Address, port));

/** One that allows others, and so many beside it. */
async function several(t: ExecutionContext, label: string, count: number): Promise<readonly Listener[]> {
  const first = await bound(t, label);
  allowBeside(first);
  return [first, ...Array.from({ length: count - 1 }, () => owned(t, bindBeside(first)))];
}

const answers = async (port: number, host: string, count: number): Promise<readonly string[]> => {
  const seen = new Set<string>();
  for (let asked = 0; asked < count; asked += 1) seen.add(await ask({ port, host }));
  return [...seen].sort();
};

for (const [label, host] of [
  ['127.0.0.1:0', '127.0.0.1'],
  ['[::1]:0', '::1'],
] as const) {
  test(`the kernel divides the connections to ${label} between sockets that listen, and gives none to one that does not`, async (t) => {
    const [first, second, third] = await several(t, label, 3);
    if (first === undefined || second === undefined || third === undefined) return t.fail();
    t.deepEqual([second.address, second.bound], [label, first.bound]);
    for (const listener of [first, second]) listen(listener, 100);
    const players = [first, second].map(({ fd }) => play(t, SERVE, [fd]));
    for (const player of players) t.is(await player.says(), 'serving');
    const expected = players.map(({ pid }) => `from ${pid}`).sort();
    t.deepEqual(await answers(portOf(first), host, 60), expected);
    closeListener(third);
    t.deepEqual(await answers(portOf(first), host, 60), expected, 'a socket that never listened takes nothing along');
  });
}

test('it is close-on-exec', async (t) => {
  const [, second] = await several(t, '127.0.0.1:0', 2);
  const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${second?.fd}`, 'utf8'))?.[1] ?? '0';
  t.not(Number.parseInt(flags, 8) & 0o2000000, 0);
});

test('[::] leaves IPv4 to others, in each of its sockets', async (t) => {
  const [first] = await several(t, '[::]:0', 2);
  const v4 = await bound(t, '0.0.0.0:0', portOf(first as Listener));
  t.is(v4.bound, `0.0.0.0:${portOf(first as Listener)}`);
});

test('an address that allows others is refused to whoever binds it for himself, whether it listens or not', async (t) => {
  const [first, second] = await several(t, '127.0.0.1:0', 2);
  for (const listener of [undefined, first, second]) {
    if (listener !== undefined) listen(listener, 100);
    const error = await t.throwsAsync(bound(t, first?.bound ?? ''), { name: 'HoldfastError' });
    // Who only binds is in no table of the kernel.
    t.is(error?.message, `cannot bind ${first?.bound}: in use${listener === undefined ? '' : ` by node (pid ${process.pid})`}`);
  }
});

test('without leave nothing is bound beside a listener', async (t) => {
  const first = await bound(t, '127.0.0.1:0');
  t.false(mayHaveBeside(first));
  t.throws(() => bindBeside(first), { name: 'HoldfastError', message: /: in use$/ });
});

test('leave may come late: to a socket that listens and has accepted connections', async (t) => {
  const first = await bound(t, '127.0.0.1:0');
  listen(first, 100);
  const hold = `import { createServer } from 'node:net';
    createServer((socket) => socket.write('held by ' + process.pid)).listen({ fd: 3 }, () => say('serving'));`;
  const holder = play(t, hold, [first.fd]);
  await holder.says();
  const { connect } = await import('node:net');
  const held = connect(portOf(first), '127.0.0.1');
  t.teardown(() => held.destroy());
  await new Promise((resolve) => held.once('data', resolve));
  allowBeside(first);
  t.true(mayHaveBeside(first));
  const second = owned(t, bindBeside(first));
  listen(second, 100);
  const server = play(t, SERVE, [second.fd]);
  await server.says();
  const seen = new Set<string>();
  for (let asked = 0; asked < 200 && seen.size === 0; asked += 1) {
    const socket = connect(portOf(first), '127.0.0.1');
    const text = await new Promise((resolve) => socket.once('data', resolve));
    if (String(text) === `from ${server.pid}`) seen.add(String(text));
    socket.destroy();
  }
  t.is(seen.size, 1, 'the new one has its share');
});

test('an inherited one still allows others; unix sockets and descriptors of others never do', async (t) => {
  const [first] = await several(t, '127.0.0.1:0', 1);
  t.true(mayHaveBeside(inheritListener(first?.address ?? '', first?.fd ?? -1)));
  const adopted = await bindListener({ is: 'fd', fd: first?.fd ?? -1 });
  t.false(mayHaveBeside(adopted));
  const abstract = await bound(t, `unix:@holdfast-test-${process.pid}`);
  t.false(mayHaveBeside(abstract));
  t.throws(() => bindBeside(abstract), { instanceOf: TypeError });
});
