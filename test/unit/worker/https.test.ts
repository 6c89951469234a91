import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as pause, setImmediate } from 'node:timers/promises';
import { connect, TLSSocket } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { CLOSE, Client, drainsAsOne, GET, POST, type Served, serve } from './wire.js';

// Self-signed, of no use to anybody.
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQggTdy08hUvHkwazDW
OXKXsntZ6kXRweI/hD8r5iuzrq2hRANCAASbJMyfZVsAuvuMpTexPCN9nDMtpD0F
cy2EfHBFoNzyFzgc9YGQWtI+xcgjr2fWKGvtOsddXFH5GD7yaiV2sM3a
-----END PRIVATE KEY-----
`;
const cert = `-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUT2vUgW/AWvvzai7OUSllgB5v+xUwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNDAyNTQ1OFoYDzIxMjYxMDMx
MDI1NDU4WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASbJMyfZVsAuvuMpTexPCN9nDMtpD0Fcy2EfHBFoNzyFzgc9YGQWtI+
xcgjr2fWKGvtOsddXFH5GD7yaiV2sM3ao1MwUTAdBgNVHQ4EFgQU1of9+L3FF44t
RsmkSU2f1XPbk4gwHwYDVR0jBBgwFoAU1of9+L3FF44tRsmkSU2f1XPbk4gwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAoEKUUvnBi8KUm6lxsLsv
56fXQhvMlsjsDE0XbG2SqJMCID8HSs7gt2Tm6JW+ab/wMxVG25ufuQZiJKlHHz4O
mT0t
-----END CERTIFICATE-----
`;

const secureServer = (app: Parameters<typeof createServer>[1]): Server => createServer({ key, cert }, app);

async function secureClient(t: ExecutionContext, { port }: Served, allowHalfOpen = false): Promise<Client> {
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen } as never);
  t.teardown(() => socket.destroy());
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  return new Client(socket);
}

test('over TLS an idle connection is left alone, and its next response says close', async (t) => {
  const served = await serve(
    t,
    secureServer((req, res) => res.end(`<${req.url}>`)),
  );
  const client = await secureClient(t, served);
  client.send(GET('/0'));
  await client.until('</0>');
  t.is(served.connections.size, 1);
  const drained = served.drain();
  await pause(200);
  client.send(GET('/1'), GET('/2'));
  t.is(await client.ended, 'end');
  t.is(client.count('</1>'), 1);
  t.is(client.count('</2>'), 1);
  t.is(client.count(CLOSE), 1);
  t.like(await drained, { answered: 2, destroyed: { idle: 0, exchange: 0 } });
});

test('a TLS handshake under way is in flight', async (t) => {
  const served = await serve(
    t,
    secureServer((_req, res) => res.end('hi')),
    200,
  );
  const raw = connectTcp(served.port, '127.0.0.1');
  t.teardown(() => raw.destroy());
  await new Promise((resolve) => raw.once('connect', resolve));
  while (served.connections.size === 0) await setImmediate();
  const drained = served.drain();
  await pause(1300);
  const socket = connect({ socket: raw, rejectUnauthorized: false });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  const client = new Client(socket);
  client.send(GET());
  t.is(await client.ended, 'end');
  t.is(client.count('hi'), 1);
  t.is(client.count(CLOSE), 1);
  t.is((await drained).destroyed['tls handshake'], 0);
});

test('an unused TLS connection ends at its keep-alive timeout, and the deadline counts a handshake', async (t) => {
  const served = await serve(
    t,
    secureServer((_req, res) => res.end('hi')),
    300,
  );
  const client = await secureClient(t, served);
  const raw = connectTcp(served.port, '127.0.0.1');
  raw.on('error', () => {});
  t.teardown(() => raw.destroy());
  while (served.connections.size < 2) await setImmediate();
  const { destroyed } = await served.drain(1800);
  t.is(destroyed['tls handshake'], 1);
  t.is(destroyed.unused, 0);
  t.is(await client.ended, 'end');
});

test('over TLS an early response survives the rest of its body', async (t) => {
  const served = await serve(
    t,
    secureServer((_req, res) => void res.writeHead(413).end('too much')),
  );
  const client = await secureClient(t, served, true);
  const drained = served.drain();
  const piece = 'x'.repeat(65_536);
  client.send(POST('/', '', 40 * piece.length));
  for (let sent = 0; sent < 40; sent += 1) {
    await new Promise((resolve) => client.socket.write(piece, resolve));
    await pause(5);
  }
  t.is(await client.ended, 'end');
  client.socket.end();
  t.is(client.count('too much'), 1);
  await drained;
});

test('over TLS a client that half-closes behind its request is answered', async (t) => {
  const served = await serve(
    t,
    secureServer((req, res) => res.end(`<${req.url}>`)),
  );
  const client = await secureClient(t, served, true);
  const drained = served.drain();
  await setImmediate();
  client.socket.end(GET('/1'));
  t.is(await client.ended, 'end');
  t.is(client.count('</1>'), 1);
  await drained;
});

test('TLS that the app puts over an upgraded connection is that connection, and drains like any other', async (t) => {
  const served = await serve(t, (req, res) => res.end(`<${req.url}>`));
  served.server.on('upgrade', (_req, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n');
    served.server.emit('connection', new TLSSocket(socket as Socket, { isServer: true, key, cert }));
  });
  const plain = await Client.connect(t, served);
  plain.send('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n');
  await plain.until('101 Switching');
  const secured = connect({ socket: plain.socket, rejectUnauthorized: false });
  await once(secured, 'secureConnect');
  const client = new Client(secured);
  await drainsAsOne(t, served, client);
});
