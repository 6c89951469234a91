import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { trackConnections } from '#src/worker/connections.js';
import { memoryLook, watchLimits } from '#src/worker/spent.js';

const MIB = 2 ** 20;

function listen() {
  const heard: string[] = [];
  return { heard, spent: (why: string) => void heard.push(why), pointless: (what: string) => void heard.push(what) };
}

/** A server, and what asks it once on a connection that stays. */
async function serve(t: ExecutionContext) {
  const server = createServer((_, res) => res.end());
  const connections = trackConnections(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const agent = new Agent({ keepAlive: true });
  t.teardown(() => {
    agent.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const ask = async () => {
    const [response] = (await once(get({ port, host: '127.0.0.1', agent }), 'response')) as [IncomingMessage];
    await once(response.resume(), 'end');
  };
  return { connections, ask };
}

test('the limit of requests is told once, within the request that reaches it', async (t) => {
  const { connections, ask } = await serve(t);
  const { heard, ...listener } = listen();
  await ask();
  watchLimits(connections, { requests: 3, memory: 0 }, listener);
  await ask();
  await ask();
  t.deepEqual(heard, []);
  for (let more = 0; more < 5; more += 1) await ask();
  t.deepEqual(heard, ['has served 3 requests (--max-requests)']);
});

test('without a limit, and after its end, nothing is told', async (t) => {
  const { connections, ask } = await serve(t);
  const { heard, ...listener } = listen();
  watchLimits(connections, { requests: 0, memory: 0 }, listener);
  await ask();
  const end = watchLimits(connections, { requests: 2, memory: 0 }, listener);
  await ask();
  end();
  await ask();
  t.deepEqual(heard, []);
});

test('memory beyond the limit is told with both figures', (t) => {
  const { heard, ...listener } = listen();
  let rss = 60 * MIB;
  const look = memoryLook(100 * MIB, listener, () => rss);
  look();
  rss = 100 * MIB;
  look();
  t.deepEqual(heard, []);
  rss = 130 * MIB;
  look();
  t.deepEqual(heard, ['has 130 MiB of memory (--max-memory 100 MiB)']);
});

test('an empty worker beyond the limit is no leak, and is said once', (t) => {
  const { heard, ...listener } = listen();
  const look = memoryLook(512, listener, () => 60 * MIB);
  look();
  look();
  t.deepEqual(heard, [
    '--max-memory 512 bytes is less than the 60 MiB that this worker has before its first request; it is not recycled for that',
  ]);
});

test('one that shrinks below the limit after it has loaded is watched from then on', (t) => {
  const { heard, ...listener } = listen();
  let rss = 120 * MIB;
  const look = memoryLook(100 * MIB, listener, () => rss);
  heard.length = 0;
  rss = 90 * MIB;
  look();
  rss = 101 * MIB;
  look();
  t.deepEqual(heard, ['has 101 MiB of memory (--max-memory 100 MiB)']);
});
