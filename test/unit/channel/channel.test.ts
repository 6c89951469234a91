import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { Channel, type ChannelEnd } from '#src/channel/channel.js';
import { encodeFrame, FRAME_LIMIT, FrameError, FrameReader } from '#src/channel/frames.js';
import { shapedAs } from '#src/channel/shape.js';

interface Note {
  readonly type: string;
}

const SHAPES = { note: { text: 'string' }, farewell: {} } as const;

/** Two ends of a connection, and what a channel on the first one hears. */
async function pair(t: ExecutionContext): Promise<{ peer: Socket; heard: Note[]; end: Promise<ChannelEnd>; channel: Channel<Note, Note> }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const peer = connect(typeof address === 'object' && address !== null ? address.port : 0, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  server.close();
  t.teardown(() => peer.destroy());
  const heard: Note[] = [];
  const { promise: end, resolve } = withResolvers<ChannelEnd>();
  const channel = new Channel<Note, Note>(socket, SHAPES, { message: (message) => heard.push(message), end: resolve });
  t.teardown(() => channel.close());
  return { peer, heard, end, channel };
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

test('messages that arrive in pieces, or many at once, are the same messages', (t) => {
  const reader = new FrameReader();
  const bytes = Buffer.concat([encodeFrame({ type: 'a' }), encodeFrame({ type: 'ü' }), encodeFrame({ type: 'c' })]);
  const one: unknown[] = [];
  for (const byte of bytes) one.push(...reader.push(Buffer.from([byte])));
  t.deepEqual(one, [{ type: 'a' }, { type: 'ü' }, { type: 'c' }]);
  t.deepEqual([...new FrameReader().push(bytes)], one);
});

test('a frame that claims to be huge is refused before it is read', (t) => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(FRAME_LIMIT + 1);
  t.throws(() => [...new FrameReader().push(length)], { instanceOf: FrameError });
});

test('a message of an unknown type, or without its fields, is none', (t) => {
  t.deepEqual(shapedAs(SHAPES, { type: 'note', text: 'x', more: 1 }), { type: 'note', text: 'x', more: 1 } as never);
  for (const wrong of [
    null,
    1,
    'note',
    [],
    {},
    { type: 'other' },
    { type: 'note' },
    { type: 'note', text: 1 },
    { type: 'toString' },
    { type: '__proto__' },
  ])
    t.is(shapedAs(SHAPES, wrong), undefined, JSON.stringify(wrong));
});

test('a message with a list is one if each of its items is', (t) => {
  const shapes = { list: { numbers: ['number'], files: [{ path: 'string' }] } } as const;
  for (const right of [
    { numbers: [], files: [] },
    { numbers: [1, 2], files: [{ path: 'a', more: 1 }] },
  ])
    t.deepEqual(shapedAs(shapes, { type: 'list', ...right }), { type: 'list', ...right } as never);
  for (const wrong of [
    {},
    { numbers: [1], files: null },
    { numbers: [1], files: { length: 0 } },
    { numbers: [1, null], files: [] },
    { numbers: ['1'], files: [] },
    { numbers: [], files: [null] },
    { numbers: [], files: ['a'] },
    { numbers: [], files: [{ path: 'a' }, {}] },
  ])
    t.is(shapedAs(shapes, { type: 'list', ...wrong }), undefined, JSON.stringify(wrong));
});

test('the end of a channel without a farewell is death', async (t) => {
  const { peer, end } = await pair(t);
  peer.end();
  t.is(await end, 'gone');
});

test('the end of a channel after a farewell is none', async (t) => {
  const { peer, end } = await pair(t);
  peer.end(encodeFrame({ type: 'farewell' }));
  t.is(await end, 'farewell');
});

for (const [what, bytes] of [
  ['random bytes', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['no JSON', Buffer.concat([Buffer.from([0, 0, 0, 1]), Buffer.from('{')])],
  ['a forged type', encodeFrame({ type: 'sudo' })],
] as const) {
  test(`a peer that sends ${what} is not heard any more`, async (t) => {
    const { peer, end, heard } = await pair(t);
    peer.write(Buffer.concat([bytes, encodeFrame({ type: 'note', text: 'after' })]));
    t.is(await end, 'garbage');
    t.deepEqual(heard, []);
  });
}

test('a peer that resets the connection is gone, and sending to it is harmless', async (t) => {
  const { peer, end, channel } = await pair(t);
  peer.resetAndDestroy();
  t.is(await end, 'gone');
  channel.send({ type: 'note' });
  t.false(channel.open);
});
