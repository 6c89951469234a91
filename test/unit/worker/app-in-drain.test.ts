import type { ServerResponse } from 'node:http';
import { setTimeout as pause, setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { CLOSE, Client, DEADLINE_MS, GET, gate, serve } from './wire.js';

function onDrain(t: ExecutionContext, listener: (notice: { deadline: number }) => unknown): void {
  process.on('holdfast:drain' as never, listener as never);
  t.teardown(() => process.removeListener('holdfast:drain', listener));
}

test.serial('an app that closes its server is held until the last connection is gone', async (t) => {
  const served = await serve(t, (_req, res) => res.end('hi'));
  const client = await Client.connect(t, served);
  client.send(GET());
  await client.until('hi');
  const results: (Error | undefined)[] = [];
  const done = gate();
  const drained = served.drain();
  await setImmediate();
  served.server.close((error) => {
    results.push(error);
    done.open();
  });
  served.server.closeIdleConnections();
  served.server.closeAllConnections();
  await pause(50);
  t.deepEqual(results, []);
  client.send(GET());
  await drained;
  t.is(client.count('hi'), 2);
  await done.opened;
  t.deepEqual(results, [undefined]);
});

test.serial('the app is told once, with the deadline, and may say goodbye then', async (t) => {
  const started = gate<ServerResponse>();
  const served = await serve(t, (_req, res) => started.open(res));
  const client = await Client.connect(t, served);
  client.send(GET('/poll'));
  const response = await started.opened;
  const notices: number[] = [];
  onDrain(t, ({ deadline }) => {
    notices.push(deadline - Date.now());
    response.end('goodbye');
  });
  await served.drain(DEADLINE_MS);
  t.is(client.count('goodbye'), 1);
  t.is(client.count(CLOSE), 1);
  t.is(notices.length, 1);
  const [left = 0] = notices;
  t.true(left > DEADLINE_MS / 2 && left <= DEADLINE_MS + 1, `${left}`);
});

test.serial('listeners that throw or reject stop neither each other nor the drain', async (t) => {
  const served = await serve(t, (_req, res) => res.end('hi'));
  let called = 0;
  onDrain(t, () => {
    called += 1;
    throw new Error('one');
  });
  onDrain(t, async () => {
    called += 1;
    throw new Error('two');
  });
  onDrain(t, () => {
    called += 1;
  });
  await served.drain();
  t.is(called, 3);
});

test.serial('an app that replaces its request listeners is followed all the same', async (t) => {
  const started = gate<ServerResponse>();
  const served = await serve(t, () => {});
  served.server.removeAllListeners('request');
  served.server.on('request', (_req, res) => started.open(res));
  const client = await Client.connect(t, served);
  client.send(GET());
  const response = await started.opened;
  const drained = served.drain();
  await pause(20);
  response.end('hi');
  t.is(await client.ended, 'end');
  t.is(client.count(CLOSE), 1);
  t.is((await drained).answered, 1);
});

test.serial('an idle connection keeps no response in memory', async (t) => {
  const served = await serve(t, (_req, res) => res.end('hi'));
  const client = await Client.connect(t, served);
  client.send(GET());
  await client.until('hi');
  await setImmediate();
  t.is([...served.connections.open][0]?.latest, undefined);
  t.is(served.connections.answered, 1);
});
