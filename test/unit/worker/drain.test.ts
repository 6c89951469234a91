import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as pause, setImmediate } from 'node:timers/promises';
import test from 'ava';
import { drainLimit } from '#src/worker/drain.js';
import { CLOSE, Client, DEADLINE_MS, drainsAsOne, GET, gate, POST, serve } from './wire.js';

const nothing = { idle: 0, unused: 0, 'request head': 0, exchange: 0, upgraded: 0, 'tls handshake': 0, closing: 0 };

test('a drain without connections is over at once', async (t) => {
  const served = await serve(t, (_req, res) => res.end('hi'));
  const turns = async () => {
    for (let turn = 0; turn < 10; turn += 1) await setImmediate();
  };
  const report = await Promise.race([served.drain(), turns()]);
  t.deepEqual(report?.destroyed, nothing, 'within ten turns of the loop');
});

test('a request in flight is answered, and its response says close', async (t) => {
  const started = gate<ServerResponse>();
  const served = await serve(t, (_req, res) => started.open(res));
  const client = await Client.connect(t, served);
  client.send(GET());
  const response = await started.opened;
  const drained = served.drain();
  await setImmediate();
  await setImmediate();
  response.end('late');
  const report = await drained;
  t.is(await client.ended, 'end');
  t.is(client.count(CLOSE), 1);
  t.true(client.received.endsWith('late'));
  t.like(report, { answered: 1, destroyed: nothing });
});

test('an idle connection is left alone: its next request is answered and says close', async (t) => {
  const served = await serve(t, (_req, res) => res.end('hi'));
  const client = await Client.connect(t, served);
  client.send(GET());
  await client.until('hi');
  const drained = served.drain();
  await pause(300);
  t.is(served.connections.size, 1);
  client.send(GET());
  t.is(await client.ended, 'end');
  t.is(client.count('hi'), 2);
  t.is(client.count(CLOSE), 1);
  t.is((await drained).answered, 1);
});

test('an idle connection ends at its own keep-alive timeout, and not at the deadline', async (t) => {
  const served = await serve(t, (_req, res) => res.end('hi'), 500);
  const client = await Client.connect(t, served);
  const before = performance.now();
  client.send(GET());
  await client.until('hi');
  const report = await served.drain();
  t.true(performance.now() - before > 450);
  t.true(report.durationMs < DEADLINE_MS);
  t.deepEqual(report.destroyed, nothing);
  t.is(await client.ended, 'end');
});

test('requests of one chunk are all answered, though the app answers at once, and only the last says close', async (t) => {
  const served = await serve(t, (req, res) => res.end(`<${req.url}>`));
  const client = await Client.connect(t, served);
  client.send(GET('/0'));
  await client.until('</0>');
  const drained = served.drain();
  await setImmediate();
  client.send(GET('/1'), GET('/2'), GET('/3'), GET('/4'));
  t.is(await client.ended, 'end');
  for (const path of ['/1', '/2', '/3', '/4']) t.is(client.count(`<${path}>`), 1);
  t.is(client.count(CLOSE), 1);
  t.true(client.received.lastIndexOf(CLOSE) > client.received.indexOf('</3>'));
  await drained;
});

test('bodies between the requests of one chunk do not split it', async (t) => {
  const served = await serve(t, (req, res) => res.end(`<${req.url}>`));
  const client = await Client.connect(t, served);
  client.send(GET('/0'));
  await client.until('</0>');
  const drained = served.drain();
  await setImmediate();
  client.send(POST('/1', 'body'), GET('/2'), POST('/3', 'another'), GET('/4'));
  t.is(await client.ended, 'end');
  for (const path of ['/1', '/2', '/3', '/4']) t.is(client.count(`<${path}>`), 1);
  t.is(client.count(CLOSE), 1);
  await drained;
});

test('a request that comes while an earlier one is being answered is answered too, and only it says close', async (t) => {
  const first = gate<ServerResponse>();
  const served = await serve(t, (req, res) => (req.url === '/1' ? first.open(res) : void res.end(`<${req.url}>`)));
  const client = await Client.connect(t, served);
  client.send(GET('/1'));
  const response = await first.opened;
  const drained = served.drain();
  await setImmediate();
  const second = new Promise((resolve) => served.server.prependOnceListener('request', resolve));
  client.send(GET('/2'));
  // The app does not see it before the first is done, Node does: wait until the bytes are read.
  while ([...served.connections.open][0]?.requests !== 2) await setImmediate();
  response.end('</1>');
  await second;
  t.is(await client.ended, 'end');
  t.is(client.count('</1>'), 1);
  t.is(client.count('</2>'), 1);
  t.is(client.count(CLOSE), 1);
  t.true(client.received.indexOf(CLOSE) > client.received.indexOf('</1>'));
  await drained;
});

test('a request that comes behind one that was answered before its turn is answered too', async (t) => {
  const first = gate<ServerResponse>();
  const served = await serve(t, (req, res) => (req.url === '/1' ? first.open(res) : void res.end(`<${req.url}>`)));
  const client = await Client.connect(t, served);
  const drained = served.drain();
  client.send(GET('/1'), GET('/2'));
  const response = await first.opened;
  // Had the app answered /2 by now, its head would say close.
  for (let turn = 0; turn < 5; turn += 1) await setImmediate();
  client.send(GET('/3'));
  while ([...served.connections.open][0]?.requests !== 3) await setImmediate();
  response.end('</1>');
  t.is(await client.ended, 'end');
  for (const path of ['/1', '/2', '/3']) t.is(client.count(`<${path}>`), 1);
  t.is(client.count(CLOSE), 1);
  await drained;
});

test('two requests that were in flight at the start are both answered, whichever head is written first', async (t) => {
  const responses = new Map<string | undefined, ServerResponse>();
  const both = gate();
  const served = await serve(t, (req, res) => {
    if (responses.set(req.url, res).size === 2) both.open();
  });
  const client = await Client.connect(t, served);
  client.send(GET('/1'), GET('/2'));
  await both.opened;
  const drained = served.drain();
  await setImmediate();
  await setImmediate();
  responses.get('/2')?.end('</2>');
  responses.get('/1')?.end('</1>');
  t.is(await client.ended, 'end');
  t.is(client.count('</1>'), 1);
  t.is(client.count('</2>'), 1);
  t.is(client.count(CLOSE), 1);
  await drained;
});

test('after a response that says close the app sees no further request', async (t) => {
  const seen: (string | undefined)[] = [];
  const responses: ServerResponse[] = [];
  const started = gate();
  const served = await serve(t, (req, res) => {
    seen.push(req.url);
    responses.push(res);
    started.open();
  });
  const client = await Client.connect(t, served, true);
  client.send(GET('/1'));
  await started.opened;
  const drained = served.drain();
  await setImmediate();
  await setImmediate();
  responses[0]?.write('part');
  await client.until('part');
  client.send(GET('/2'));
  const [connection] = served.connections.open;
  const before = connection?.socket.bytesRead ?? 0;
  while ((connection?.socket.bytesRead ?? 0) < before + GET('/2').length) await setImmediate();
  responses[0]?.end();
  t.is(await client.ended, 'end');
  client.socket.end();
  await drained;
  t.deepEqual(seen, ['/1']);
});

test('a stream whose head is on its way as keep-alive goes on, and its connection after it', async (t) => {
  const started = gate<ServerResponse>();
  const served = await serve(t, (req, res) => {
    if (req.url !== '/stream') return void res.end('after');
    res.write('begin');
    started.open(res);
  });
  const client = await Client.connect(t, served);
  client.send(GET('/stream'));
  const response = await started.opened;
  await client.until('begin');
  const drained = served.drain();
  await pause(50);
  response.end('finis');
  await client.until('finis');
  await pause(100);
  t.is(served.connections.size, 1);
  client.send(GET());
  t.is(await client.ended, 'end');
  t.is(client.count('after'), 1);
  t.is(client.count(CLOSE), 1);
  t.deepEqual((await drained).destroyed, nothing);
});

test('an unused connection is kept for the keep-alive timeout from when it was accepted', async (t) => {
  const served = await serve(t, (_req, res) => res.end('hi'), 2500);
  const before = performance.now();
  const [silent, late] = await Promise.all([Client.connect(t, served), Client.connect(t, served)]);
  while (served.connections.size < 2) await setImmediate();
  const drained = served.drain();
  // Beyond the second that it would have anyhow.
  await pause(1200);
  t.is(served.connections.size, 2);
  late.send(GET());
  t.is(await late.ended, 'end');
  t.is(late.count('hi'), 1);
  t.is(await silent.ended, 'end');
  t.true(performance.now() - before > 2400);
  const report = await drained;
  t.true(report.durationMs < DEADLINE_MS);
  t.deepEqual(report.destroyed, nothing);
});

test('an unused connection that was accepted long ago still has a second', async (t) => {
  const served = await serve(t, (_req, res) => res.end('hi'), 100);
  const client = await Client.connect(t, served);
  await pause(200);
  const before = performance.now();
  await served.drain();
  const took = performance.now() - before;
  t.true(took > 950 && took < DEADLINE_MS, `${took}`);
  t.is(await client.ended, 'end');
});

test('a connection that was unused at the start and sends half a head is in flight from then on', async (t) => {
  const served = await serve(t, (_req, res) => res.end('hi'), 100);
  const client = await Client.connect(t, served);
  while (served.connections.size === 0) await setImmediate();
  const drained = served.drain();
  await setImmediate();
  client.send('GET / HTTP/1.1\r\nHo');
  // Beyond the second that it had while it was unused.
  await pause(1500);
  client.send('st: a\r\n\r\n');
  t.is(await client.ended, 'end');
  t.is(client.count('hi'), 1);
  await drained;
});

test('an upgraded connection is closed as the app wants it', async (t) => {
  const served = await serve(t, () => {});
  const upgraded = gate<Socket>();
  served.server.on('upgrade', (_req, socket: Socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    upgraded.open(socket);
  });
  const client = await Client.connect(t, served, true);
  client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
  const socket = await upgraded.opened;
  const drained = served.drain();
  await setImmediate();
  await setImmediate();
  socket.end('goodbye');
  socket.destroySoon();
  const { durationMs } = await drained;
  t.true(durationMs < DEADLINE_MS);
  t.is(client.count('goodbye'), 1);
});

test('a socket that the app hands back to the server after CONNECT is one connection, and drains like any other', async (t) => {
  const served = await serve(t, (req, res) => res.end(`<${req.url}>`));
  served.server.on('connect', (_req, socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    served.server.emit('connection', socket);
  });
  const client = await Client.connect(t, served);
  client.send('CONNECT there:80 HTTP/1.1\r\nHost: there\r\n\r\n');
  await client.until('200 OK');
  await drainsAsOne(t, served, client);
});

test('a half-sent first head is in flight', async (t) => {
  const served = await serve(t, (_req, res) => res.end('hi'), 100);
  const client = await Client.connect(t, served);
  client.send('GET / HTTP/1.1\r\nHo');
  while (([...served.connections.open][0]?.socket.bytesRead ?? 0) === 0) await setImmediate();
  const drained = served.drain();
  await pause(1500);
  client.send('st: a\r\n\r\n');
  t.is(await client.ended, 'end');
  t.is(client.count('hi'), 1);
  t.deepEqual((await drained).destroyed, nothing);
});

test('a client that half-closes behind its requests is answered as it would have been', async (t) => {
  const served = await serve(t, (req, res) => res.end(`<${req.url}>`));
  const client = await Client.connect(t, served, true);
  const drained = served.drain();
  await setImmediate();
  client.socket.end(GET('/1') + GET('/2'));
  t.is(await client.ended, 'end');
  t.is(client.count('</1>'), 1);
  t.is(client.count('</2>'), 1);
  await drained;
});

test('the deadline destroys what is left and counts it by kind', async (t) => {
  const started = gate<ServerResponse>();
  const upgraded = gate();
  const served = await serve(t, (req, res) => (req.url === '/never' ? started.open(res) : void res.end('hi')), 0);
  served.server.on('upgrade', (_req, socket) => {
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    upgraded.open();
  });
  const [idle, unused, head, exchange, websocket] = await Promise.all([1, 2, 3, 4, 5].map(() => Client.connect(t, served)));
  idle?.send(GET());
  await idle?.until('hi');
  head?.send('GET / HT');
  exchange?.send(GET('/never'));
  websocket?.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
  await Promise.all([started.opened, upgraded.opened, websocket?.until('101')]);
  while ([...served.connections.open].filter(({ socket }) => socket.bytesRead > 0).length < 4) await setImmediate();
  const report = await served.drain(400);
  t.deepEqual(report.destroyed, { ...nothing, idle: 1, unused: 1, 'request head': 1, exchange: 1, upgraded: 1 });
  t.true(report.durationMs >= 400 && report.durationMs < DEADLINE_MS);
  await Promise.all([idle, unused, head, exchange, websocket].map((client) => client?.ended));
});

test('a drain ordered from within a request does not cut the rest of its chunk', async (t) => {
  let drained: Promise<unknown> | undefined;
  const served = await serve(t, (req, res) => {
    drained ??= served.drain();
    res.end(`<${req.url}>`);
  });
  const client = await Client.connect(t, served);
  client.send(GET('/1'), GET('/2'));
  await client.until('</2>');
  client.send(GET('/3'));
  t.is(await client.ended, 'end');
  t.is(client.count('</3>'), 1);
  t.is(client.count(CLOSE), 1);
  await drained;
});

test('the server has its own methods back after the drain', async (t) => {
  const served = await serve(t, (_req, res) => res.end('hi'));
  const before = Object.getOwnPropertyNames(served.server);
  await served.drain();
  t.deepEqual(Object.getOwnPropertyNames(served.server), before);
});

test('the limit is the graceful timeout, or the keep-alive timeout and two seconds', (t) => {
  t.is(drainLimit(30_000, 5000), 30_000);
  t.is(drainLimit(30_000, 65_000), 67_000);
});

test('a keep-alive timeout without an end, as apps write it, cuts nothing: no timer takes as much, and one that is given more fires at once', async (t) => {
  const started = gate<ServerResponse>();
  const served = await serve(t, (_req, res) => started.open(res), 2 ** 32);
  const [client, unused] = [await Client.connect(t, served), await Client.connect(t, served)];
  client.send(GET());
  const response = await started.opened;
  const drained = served.drain(drainLimit(30_000, 2 ** 31 - 1));
  await pause(100);
  t.is(served.connections.size, 2);
  response.end('late');
  t.is(await client.ended, 'end');
  t.is(client.count('late'), 1);
  unused.socket.destroy();
  t.deepEqual((await drained).destroyed, nothing);
});
