import { setTimeout as pause, setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { CLOSE, Client, DEADLINE_MS, GET, POST, type Served, serve } from './wire.js';

const PIECE = 'x'.repeat(65_536);

/** Answers 413 at once, without a look at the body. */
const refuse = (t: ExecutionContext): Promise<Served> => serve(t, (_req, res) => void res.writeHead(413).end('too much'));

async function during(t: ExecutionContext): Promise<{ client: Client; drained: Promise<unknown>; served: Served }> {
  const served = await refuse(t);
  const client = await Client.connect(t, served, true);
  client.send(GET());
  await client.until('too much');
  client.received = '';
  const drained = served.drain();
  await setImmediate();
  return { client, drained, served };
}

/** Sends more than the kernel's buffers hold, slowly enough for the response to be there long before the end. */
async function upload(client: Client, piece: string, everyMs = 5): Promise<void> {
  for (let sent = 0; sent < 40; sent += 1) {
    await new Promise((resolve) => client.socket.write(piece, resolve));
    await pause(everyMs);
  }
}

/** The whole answer, once, and no reset in either direction. */
function isWhole(t: ExecutionContext, client: Client, answer = 'too much'): void {
  t.is(client.count(answer), 1);
  t.is(client.count(CLOSE), 1);
  t.is(client.error, undefined);
}

test('an early response to a body of known length survives: the body is read to its end', async (t) => {
  const { client, drained } = await during(t);
  client.send(POST('/', '', 40 * PIECE.length));
  // Longer than a client that has nothing more to send is waited for.
  await upload(client, PIECE, 60);
  t.is(await client.ended, 'end');
  client.socket.end();
  await drained;
  isWhole(t, client);
});

test('an early response to a chunked body survives', async (t) => {
  const { client, drained } = await during(t);
  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  await upload(client, `${PIECE.length.toString(16)}\r\n${PIECE}\r\n`);
  client.send('0\r\n\r\n');
  t.is(await client.ended, 'end');
  client.socket.end();
  await drained;
  isWhole(t, client);
});

test('an early response to a client that waits for 100 Continue survives, whether it sends the body or not', async (t) => {
  const served = await refuse(t);
  served.server.on('checkContinue', (_req, res) => void res.writeHead(413).end('too much'));
  const [obedient, stubborn] = [await Client.connect(t, served, true), await Client.connect(t, served, true)];
  const drained = served.drain();
  await setImmediate();
  for (const client of [obedient, stubborn]) client.send(POST('/', '', 40 * PIECE.length).replace('Host', 'Expect: 100-continue\r\nHost'));
  t.is(await obedient.ended, 'end');
  obedient.socket.end();
  await upload(stubborn, PIECE);
  t.is(await stubborn.ended, 'end');
  stubborn.socket.end();
  await drained;
  for (const client of [obedient, stubborn]) isWhole(t, client);
});

test('an early response survives in an app that has begun to read the body and stopped', async (t) => {
  const served = await serve(t, (req, res) => {
    req.once('data', () => {
      req.pause();
      res.writeHead(413).end('too much');
    });
  });
  const client = await Client.connect(t, served, true);
  const drained = served.drain();
  client.send(POST('/', '', 40 * PIECE.length));
  await upload(client, PIECE);
  t.is(await client.ended, 'end');
  client.socket.end();
  t.true((await drained).durationMs < DEADLINE_MS);
  isWhole(t, client);
});

test('the deadline ends a body that does not', async (t) => {
  const served = await refuse(t);
  const client = await Client.connect(t, served, true);
  client.send(POST('/', 'only this', 1000));
  await client.until('too much');
  const report = await served.drain(300);
  t.is(report.destroyed.exchange, 1);
  await client.ended;
});

test('requests that were sent behind the last response do not turn the close into a reset', async (t) => {
  const served = await serve(t, (_req, res) => void setTimeout(() => res.end(`${PIECE}done`), 50));
  const client = await Client.connect(t, served, true);
  const drained = served.drain();
  await setImmediate();
  client.send(GET());
  await client.until('HTTP/1.1 200');
  for (let more = 0; more < 20; more += 1) {
    client.send(GET('/too-late'), POST('/too-late', PIECE));
    await pause(2);
  }
  t.is(await client.ended, 'end');
  client.socket.end();
  await drained;
  isWhole(t, client, 'done');
  t.is(client.count('HTTP/1.1 200'), 1);
});

test('a body that begins behind the last response is not waited for', async (t) => {
  const served = await serve(t, (_req, res) => void setTimeout(() => res.end('done'), 100));
  const client = await Client.connect(t, served, true);
  client.send(GET());
  while ([...served.connections.open][0]?.requests !== 1) await setImmediate();
  const drained = served.drain();
  await setImmediate();
  await setImmediate();
  [...served.connections.open][0]?.latest?.flushHeaders();
  await client.until(CLOSE);
  client.send(POST('/too-late', 'only this', 1000));
  t.is(await client.ended, 'end');
  const { durationMs } = await drained;
  t.true(durationMs < DEADLINE_MS, `${durationMs}`);
});

test('a client that does not close its side is not waited for for long', async (t) => {
  const served = await serve(t, (_req, res) => res.end('hi'));
  const client = await Client.connect(t, served, true);
  const drained = served.drain();
  client.send(GET());
  t.is(await client.ended, 'end');
  const { destroyed, durationMs } = await drained;
  t.true(durationMs > 1900 && durationMs < DEADLINE_MS, `${durationMs}`);
  t.is(destroyed.closing, 0);
});
