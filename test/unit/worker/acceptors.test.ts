import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { duplicate } from '#src/sys/descriptors.js';
import { bind, C, getSocketName, listen, setReuseAddress, socket } from '#src/sys/sockets.js';
import { listenOn } from '#src/worker/acceptors.js';
import { trackConnections } from '#src/worker/connections.js';
import { Client, GET, type Served } from './wire.js';

/** A listening socket as a master would pass it down. */
function listener(): { fd: number; port: number } {
  const fd = socket(C.AF_INET);
  setReuseAddress(fd);
  const address = Buffer.alloc(16);
  address.writeUInt16LE(C.AF_INET, 0);
  address.set([127, 0, 0, 1], 4);
  bind(fd, address);
  listen(fd, 511);
  return { fd, port: getSocketName(fd).readUInt16BE(2) };
}

const ask = async (t: ExecutionContext, port: number): Promise<string> => {
  const client = await Client.connect(t, { port } as Served);
  client.send(GET());
  await client.until('done');
  client.socket.destroy();
  return client.received;
};

test('the server accepts on every descriptor, and its connections are all its own', async (t) => {
  const server = createServer((req, res) => {
    t.is(req.socket.constructor.name, 'Socket');
    res.end('done');
  });
  const connections = trackConnections(server);
  const listeners = [listener(), listener(), listener()];
  const acceptors = await listenOn(
    server,
    listeners.map(({ fd }) => fd),
    100,
  );
  t.true(server.listening);
  for (const { port } of listeners) t.regex(await ask(t, port), /200 OK/);
  t.is(connections.answered, 3);
  acceptors.stop();
});

test('stopping closes the listeners and leaves connections alone', async (t) => {
  const server = createServer((_req, res) => res.end('done'));
  trackConnections(server);
  const [first, second] = [listener(), listener()];
  const acceptors = await listenOn(server, [first.fd, second.fd], 100);
  const clients = await Promise.all([first, second].map(({ port }) => Client.connect(t, { port } as Served)));
  for (const client of clients) {
    client.send(GET());
    await client.until('done');
  }
  acceptors.stop();
  for (const { port } of [first, second]) {
    const refused = await new Promise((resolve) =>
      connect(port, '127.0.0.1')
        .once('error', resolve)
        .once('connect', () => resolve(undefined)),
    );
    t.is((refused as NodeJS.ErrnoException).code, 'ECONNREFUSED');
  }
  for (const client of clients) {
    client.send(GET());
    await client.until('done', 2);
    client.socket.destroy();
  }
});

test('what it serves may change: the app sees one server that listens once, and no descriptor is lost', async (t) => {
  const server = createServer((_req, res) => res.end('done'));
  let [listening, closed] = [0, 0];
  server.on('listening', () => (listening += 1)).on('close', () => (closed += 1));
  trackConnections(server);
  const [first, second, third] = [listener(), listener(), listener()];
  const acceptors = await listenOn(server, [first.fd, second.fd], 100, duplicate);
  for (const { port } of [first, second]) t.regex(await ask(t, port), /200 OK/);
  const kept = await Client.connect(t, { port: second.port } as Served);
  kept.send(GET());
  await kept.until('done');
  await acceptors.serve([third.fd]);
  t.regex(await ask(t, third.port), /200 OK/);
  t.regex(await ask(t, first.port), /200 OK/, 'the first of all stays');
  kept.send(GET());
  await kept.until('done', 2);
  const waiting = await Client.connect(t, { port: second.port } as Served);
  waiting.send(GET());
  await ask(t, third.port);
  t.is(waiting.received, '', 'nobody serves it, and it waits');
  await acceptors.serve([second.fd, third.fd]);
  await waiting.until('done');
  kept.socket.destroy();
  waiting.socket.destroy();
  acceptors.stop();
  t.deepEqual([listening, closed], [1, 0]);
  for (const { fd } of [first, second, third]) t.notThrows(() => closeSync(fd));
});

test("the server says 'close' when the last connection is gone, whichever listener it came from, and counts them all", async (t) => {
  const server = createServer((_req, res) => res.end('done'));
  let closed = 0;
  server.on('close', () => (closed += 1));
  const connections = trackConnections(server);
  const [first, second] = [listener(), listener()];
  const acceptors = await listenOn(server, [first.fd, second.fd], 100);
  const clients = await Promise.all([first, second].map(({ port }) => Client.connect(t, { port } as Served)));
  for (const client of clients) {
    client.send(GET());
    await client.until('done');
  }
  t.is(await promisify(server.getConnections.bind(server))(), 2);
  acceptors.stop();
  for (const [at, client] of clients.entries()) {
    await setImmediate();
    t.is(closed, 0);
    client.socket.destroy();
    while (connections.size > 1 - at) await setImmediate();
  }
  await setImmediate();
  t.is(closed, 1);
});

test("as many connections as the server's maxConnections are open at a time, on whichever listeners, and it hears of those that are dropped", async (t) => {
  const server = createServer((_req, res) => res.end('done'));
  server.maxConnections = 2;
  let dropped = 0;
  server.on('drop', () => (dropped += 1));
  trackConnections(server);
  const [first, second] = [listener(), listener()];
  const acceptors = await listenOn(server, [first.fd, second.fd], 100);
  const held = await Client.connect(t, { port: second.port } as Served);
  held.send(GET());
  await held.until('done');
  t.regex(await ask(t, first.port), /200 OK/);
  while ((await promisify(server.getConnections.bind(server))()) > 1) await setImmediate();
  const other = await Client.connect(t, { port: second.port } as Served);
  other.send(GET());
  await other.until('done');
  for (const { port } of [second, first]) {
    const over = await Client.connect(t, { port } as Served);
    await over.ended;
    t.is(over.received, '');
  }
  t.is(dropped, 2);
  held.socket.destroy();
  other.socket.destroy();
  while ((await promisify(server.getConnections.bind(server))()) > 0) await setImmediate();
  t.regex(await ask(t, first.port), /200 OK/);
  acceptors.stop();
});

test('a descriptor that cannot listen is a rejection, and none accepts', async (t) => {
  const fd = openSync('/dev/null', 'r');
  t.teardown(() => closeSync(fd));
  for (const position of [0, 1]) {
    const server = createServer();
    const fds = [listener().fd, listener().fd];
    fds[position] = fd;
    await t.throwsAsync(listenOn(server, fds, 100), { message: /listen|fd|type/i });
    t.false(server.listening);
  }
});
