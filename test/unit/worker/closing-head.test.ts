import type { ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { CLOSE, Client, GET, gate, serve } from './wire.js';

// Each with a request that is in flight when the drain starts, and with one that comes during it.
const heads: Record<string, (res: ServerResponse) => void> = {
  'an implicit head': () => {},
  'a header set with setHeader': (res) => res.setHeader('connection', 'keep-alive'),
  'a header given to writeHead': (res) => res.writeHead(200, { CONNECTION: 'keep-alive', 'X-A': '1' }),
  'a header given to writeHead with a reason': (res) => res.writeHead(200, 'Fine', { Connection: 'keep-alive', 'X-A': '1' }),
  'a reason alone': (res) => res.writeHead(200, 'Fine'),
  'a header set, and others given to writeHead': (res) => res.setHeader('Connection', 'keep-alive').writeHead(200, { 'X-A': '1' }),
  'a list of headers': (res) => res.writeHead(200, ['X-A', '1', 'connection', 'keep-alive', 'X-A', '2']),
  'a list of pairs': (res) =>
    res.writeHead(200, [
      ['X-A', '1'],
      ['connection', 'keep-alive'],
      ['X-A', '2'],
    ] as never),
  'headers that the app flushes': (res) => res.setHeader('Connection', 'keep-alive').flushHeaders(),
  'a header that the app removed': (res) => res.removeHeader('Connection'),
  'an error while the head is written': (res) => {
    try {
      res.writeHead(200, { 'X-A': 'no\nheader' });
    } catch {
      res.statusCode = 500;
    }
  },
};

for (const [what, write] of Object.entries(heads)) {
  test(`the app's own head does not stand against close: ${what}`, async (t) => {
    const started = gate<ServerResponse>();
    const answer = (res: ServerResponse): void => {
      write(res);
      res.end('done');
    };
    const served = await serve(t, (req, res) => (req.url === '/held' ? started.open(res) : answer(res)));
    const [before, during] = [await Client.connect(t, served), await Client.connect(t, served)];
    before.send(GET('/held'));
    during.send(GET());
    await during.until('done');
    const response = await started.opened;
    const usual = during.received.match(/x-a/gi)?.length ?? 0;
    during.received = '';
    const drained = served.drain();
    await setImmediate();
    await setImmediate();
    answer(response);
    during.send(GET());
    for (const client of [before, during]) {
      t.is(await client.ended, 'end');
      t.is(client.count(CLOSE), 1);
      t.is(client.count('connection:'), 1);
      t.is(client.count('x-a'), usual);
      t.is(client.count('done'), 1);
    }
    t.is((await drained).destroyed.closing, 0);
  });
}

test('informational heads are left alone', async (t) => {
  const served = await serve(t, (_req, res) => {
    res.writeContinue();
    res.writeProcessing();
    res.writeEarlyHints({ link: '</style.css>; rel=preload' });
    res.end('done');
  });
  const client = await Client.connect(t, served);
  const drained = served.drain();
  client.send(GET());
  t.is(await client.ended, 'end');
  t.regex(
    client.received,
    /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 102 Processing\r\n\r\nHTTP\/1.1 103 Early Hints\r\nLink: .*\r\n\r\nHTTP\/1.1 200 OK\r\n/,
  );
  t.is(client.count(CLOSE), 1);
  await drained;
});

test('a switch of protocols that is written as a response keeps its Connection header', async (t) => {
  const served = await serve(t, (_req, res) => res.writeHead(101, { Connection: 'Upgrade', Upgrade: 'x' }).end());
  const client = await Client.connect(t, served);
  const drained = served.drain(500);
  client.send(GET());
  await client.until('\r\n\r\n');
  t.is(client.count('Connection: Upgrade\r\n'), 1);
  t.is(client.count(CLOSE), 0);
  await drained;
});
