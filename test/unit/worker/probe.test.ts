import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import test from 'ava';
import { EXIT, HoldfastError } from '#src/errors.js';
import { trackConnections } from '#src/worker/connections.js';
import { probe } from '#src/worker/probe.js';

const answering =
  (status: number): RequestListener =>
  (_req, res) =>
    void res.writeHead(status, { location: '/elsewhere' }).end('body');

test('2xx and 3xx pass, of a server that never listened', async (t) => {
  for (const status of [200, 204, 301, 399])
    await t.notThrowsAsync(probe(createServer(answering(status)), '/health', { timeoutMs: 20_000 }));
});

test('anything else does not', async (t) => {
  for (const status of [404, 500, 503]) {
    const error = await t.throwsAsync(probe(createServer(answering(status)), '/health', { timeoutMs: 20_000 }), {
      instanceOf: HoldfastError,
    });
    t.is(error?.message, `probe /health answered ${status}`);
    t.is(error?.exitStatus, EXIT.boot);
  }
});

test('no answer in time, half an answer, and none at all', async (t) => {
  const message = 'probe / did not answer within 100 ms';
  await t.throwsAsync(
    probe(
      createServer(() => {}),
      '/',
      { timeoutMs: 100 },
    ),
    { message },
  );
  await t.throwsAsync(
    probe(
      createServer((_req, res) => void res.write('half')),
      '/',
      { timeoutMs: 100 },
    ),
    { message },
  );
  await t.throwsAsync(
    probe(
      createServer((req) => void req.socket.destroy()),
      '/',
      { timeoutMs: 20_000 },
    ),
    { message: /^probe \/ failed: / },
  );
});

test('the app sees an ordinary request on an ordinary socket', async (t) => {
  let seen: unknown;
  const server = createServer((req, res) => {
    req.socket.setNoDelay(true).setKeepAlive(true).setTimeout(20_000).ref().unref();
    seen = { url: req.url, method: req.method, host: req.headers.host, from: req.socket.remoteAddress };
    res.end('x'.repeat(1_000_000));
  });
  await probe(server, '/health?deep=1', { timeoutMs: 20_000, host: 'shop.example' });
  t.deepEqual(seen, { url: '/health?deep=1', method: 'GET', host: 'shop.example', from: '127.0.0.1' });
});

test('behind https it asks past the encryption', async (t) => {
  let encrypted: unknown;
  const server = createSecureServer((req, res) => {
    encrypted = (req.socket as { encrypted?: boolean }).encrypted;
    res.end();
  });
  await t.notThrowsAsync(probe(server, '/', { timeoutMs: 20_000 }));
  t.true(encrypted);
});

test('nothing of it is left behind', async (t) => {
  for (const listener of [answering(200), answering(500), (() => {}) as RequestListener]) {
    const server = createServer(listener);
    const connections = trackConnections(server);
    await probe(server, '/', { timeoutMs: 50 }).catch(() => {});
    t.is(connections.size, 0);
  }
});
