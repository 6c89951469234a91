import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, request, Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { fixture } from '../../support/paths.js';
import { descriptorLinks } from '../../support/proc.js';

async function listen(t: ExecutionContext, app: unknown): Promise<number> {
  const server = app instanceof Server ? app : createServer(app as RequestListener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

async function get(port: number, path: string): Promise<string> {
  const asked = request({ port, host: '127.0.0.1', path, agent: false }).end();
  const [response] = (await once(asked, 'response')) as [NodeJS.ReadableStream];
  let body = '';
  for await (const piece of response) body += String(piece);
  return body;
}

const load = async (name: string) => (await import(fixture(name))) as Record<string, unknown>;

test('each app answers on / as itself', async (t) => {
  const factory = (await load('factory.mjs')).default as () => Promise<unknown>;
  const apps: Record<string, unknown> = {
    'hello\n': (await load('hello.js')).default,
    'hello from release none\n': (await load('full.js')).default,
    'hello from CommonJS\n': (await load('commonjs.cjs')).default,
    'hello from a named export\n': (await load('named.mjs')).handler,
    'hello from a server\n': (await load('server.mjs')).default,
    'hello from a factory\n': await factory(),
    'hello from express\n': (await load('express.cjs')).default,
    'hello beside a WebSocket\n': (await load('websocket.mjs')).default,
  };
  for (const [answer, app] of Object.entries(apps)) t.is(await get(await listen(t, app), '/'), answer);
});

test('a child of the app has three descriptors and the environment of its parent', async (t) => {
  const port = await listen(t, (await load('full.js')).default);
  const said = (await get(port, '/child-fds')).trim().split('\n');
  // What the test's own process got from its parent may pass through to everybody.
  const foreign = new Set(descriptorLinks(process.pid).map(({ target }) => target));
  const fds = said.filter((line) => /^\d+ \S/.test(line)).map((line) => line.split(' '));
  t.deepEqual(
    fds
      .filter(([fd, target = '']) => Number(fd) <= 2 || !foreign.has(target))
      .map(([fd]) => Number(fd))
      .sort(),
    [0, 1, 2],
  );
  t.true(said.includes('PATH'));
  const ofNode = JSON.parse(await get(port, '/child-fds?node')) as { fds: Record<string, string> };
  t.is(typeof ofNode.fds['0'], 'string');
});

test('the app that closes itself on TERM does so', (t) => {
  const code = `const { default: server } = await import(${JSON.stringify(fixture('sigterm.mjs'))});
    server.listen(0, '127.0.0.1', () => process.kill(process.pid, 'SIGTERM')).on('close', () => console.log('closed'));`;
  t.is(execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', timeout: 10_000 }), 'closed\n');
});

test('the WebSocket echoes, and says goodbye when it is told of a drain', async (t) => {
  const port = await listen(t, (await load('websocket.mjs')).default);
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => void socket.destroy());
  socket.write(
    'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const [accepted] = (await once(socket, 'data')) as [Buffer];
  t.regex(String(accepted), /^HTTP\/1.1 101 .*Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n\r\n$/s);
  socket.write(Buffer.from([0x81, 0x82, 1, 2, 3, 4, 'h'.charCodeAt(0) ^ 1, 'i'.charCodeAt(0) ^ 2]));
  t.deepEqual(((await once(socket, 'data')) as [Buffer])[0], Buffer.from([0x81, 2, 104, 105]));
  process.emit('holdfast:drain' as 'disconnect');
  t.deepEqual(((await once(socket, 'data')) as [Buffer])[0], Buffer.from([0x88, 2, 0x03, 0xe9]));
});
