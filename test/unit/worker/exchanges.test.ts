import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { type Exchange, followExchanges } from '#src/worker/exchanges.js';
import { Client, GET, serve } from './wire.js';

test('what comes behind the last response of a drain is no exchange: neither a request nor half of one', async (t) => {
  const ended: Exchange[] = [];
  const served = await serve(t, (_req, res) => {
    res.flushHeaders();
    setTimeout(() => res.end('done'), 100);
  });
  followExchanges(served.server, (exchange) => ended.push(exchange));
  const [whole, half] = [await Client.connect(t, served, true), await Client.connect(t, served, true)];
  while (served.connections.size < 2) await setImmediate();
  const drained = served.drain();
  await setImmediate();
  for (const client of [whole, half]) client.send(GET('/answered'));
  for (const client of [whole, half]) await client.until('Connection: close');
  whole.send(GET('/behind'));
  half.send('GET /behind HT');
  for (const client of [whole, half]) {
    t.is(await client.ended, 'end');
    client.socket.end();
  }
  await drained;
  t.deepEqual(
    ended.map(({ url, status, complete }) => [url, status, complete]),
    [
      ['/answered', 200, true],
      ['/answered', 200, true],
    ],
  );
});
