import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { everyKind, type LoadOptions, type Plain, type Reason, type Report, startLoad } from '../../support/load/index.js';
import { assertLossless } from '../../support/load/lossless.js';
import { fixture } from '../../support/paths.js';
import { probeRefused } from '../../support/probe-refused.js';
import { tempDir } from '../../support/temp.js';

const { default: full } = (await import(fixture('full.js'))) as { default: RequestListener };
const KEEP_ALIVE_MS = 1500;

async function serve(t: ExecutionContext, listener: RequestListener, path?: string): Promise<{ server: Server; target: Plain }> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, listener);
  server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path });
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return { server, target: path === undefined ? { host: '127.0.0.1', port: (server.address() as AddressInfo).port } : { path } };
}

/** The load's verdict on a server that fails. */
async function judge(
  t: ExecutionContext,
  target: LoadOptions['target'],
  mix: LoadOptions['mix'],
  more: Partial<LoadOptions> = {},
): Promise<Report> {
  const load = startLoad(t, { target, mix, keepAliveTimeoutMs: KEEP_ALIVE_MS, ...more });
  await load.failedAtLeast(5);
  return load.stop();
}

function reasons(report: Report): Reason[] {
  return [...new Set(report.failures.map((failure) => failure.reason))].sort();
}

const everyOther = () => {
  let count = 0;
  return () => {
    count += 1;
    return count % 2 === 0;
  };
};

test('the slowest answer is the one that a single client waited for, though others were answered meanwhile', async (t) => {
  const late = '/?n=hot-0-2';
  const { target } = await serve(t, (req, res) => {
    setTimeout(() => full(req, res), req.url === late ? 200 : 0);
  });
  const load = startLoad(t, { target, mix: { hot: 4, slow: 1 }, keepAliveTimeoutMs: KEEP_ALIVE_MS });
  const { slowestMs, longestGapMs } = await load.answeredAtLeast(800);
  t.true(slowestMs >= 199, `${slowestMs}`);
  t.true(longestGapMs < slowestMs, `${longestGapMs}`);
  await load.mark();
  const since = await load.answeredAtLeast(50);
  t.true(since.slowestMs < slowestMs, `${since.slowestMs}`);
  await load.stop();
});

test('a bare server loses nothing of any kind', async (t) => {
  const { target } = await serve(t, full);
  const load = startLoad(t, { target, mix: everyKind, keepAliveTimeoutMs: KEEP_ALIVE_MS });
  await load.warm(5);
  await load.mark();
  const since = await load.answeredAtLeast(2000);
  t.true(since.total >= 2000);
  const report = await load.stop();
  assertLossless(t, report);
  t.true(report.total > since.total);
  t.deepEqual([...report.answeredBy.keys()], [String(process.pid)]);
  t.deepEqual(Object.keys(report.perKind).sort(), Object.keys(everyKind).sort());
});

test('a unix socket loses nothing either', async (t) => {
  const path = join(tempDir(t), 'socket');
  const { target } = await serve(t, full, path);
  const load = startLoad(t, { target, mix: { short: 2, keepAlive: 2, upload: 1 }, keepAliveTimeoutMs: KEEP_ALIVE_MS });
  await load.warm(5);
  assertLossless(t, await load.stop());
});

test('a server that says Connection: close now and then loses nothing', async (t) => {
  const due = everyOther();
  const { target } = await serve(t, (req, res) => {
    if (due()) res.shouldKeepAlive = false;
    // RFC 9112 9.6: Node would reset the connection behind an answer whose request it has not read.
    if (req.url?.startsWith('/early')) req.on('end', () => full(req, res)).resume();
    else full(req, res);
  });
  const load = startLoad(t, { target, mix: everyKind, keepAliveTimeoutMs: KEEP_ALIVE_MS });
  await load.warm(5);
  assertLossless(t, await load.stop());
});

test('a reset before the response is a failure of each kind that meets it', async (t) => {
  const { target } = await serve(t, (req) => (req.socket as Socket).resetAndDestroy());
  const report = await judge(t, target, { short: 1, hot: 1, slow: 1, pipelined: 1, upload: 1, early: 1 });
  t.deepEqual(reasons(report), ['reset-before-response']);
  t.deepEqual(report.reasons, { 'reset-before-response': report.failed }, 'all of them, not only those that are told one by one');
});

test('an end of file before the response is told from a reset', async (t) => {
  const { target } = await serve(t, (req) => req.socket.destroy());
  t.deepEqual(reasons(await judge(t, target, { short: 1, hot: 1, halfHead: 1 })), ['closed-before-response']);
});

test('a response that is cut is a failure within it', async (t) => {
  const { target } = await serve(t, (req, res) => {
    res.writeHead(200, { 'content-length': 100 });
    res.write('only this', () => req.socket.destroy());
  });
  t.deepEqual(reasons(await judge(t, target, { short: 1, keepAlive: 1 })), ['closed-within-response']);
});

test('a chunked response without its end is a failure within it', async (t) => {
  const { target } = await serve(t, (req, res) => {
    res.write('only this', () => req.socket.destroy());
  });
  t.deepEqual(reasons(await judge(t, target, { keepAlive: 1, stream: 1 })), ['closed-within-response']);
});

test('wrong answers are told by their status, their body, and by whose they are', async (t) => {
  const answer = (listener: RequestListener) => serve(t, listener);
  const unavailable = await answer((_req, res) => res.writeHead(503).end('no'));
  t.deepEqual(reasons(await judge(t, unavailable.target, { short: 1 })), ['wrong-status']);
  const crossed = await answer((_req, res) => res.setHeader('x-n', 'another-1').end('hello'));
  t.deepEqual(reasons(await judge(t, crossed.target, { short: 1 })), ['wrong-body']);
  const mangled = await answer((req, res) => {
    res.setHeader('x-n', new URL(req.url ?? '', 'http://localhost').searchParams.get('n') ?? '');
    req.resume().on('end', () => res.end('{"length":1,"sha1":"none"}'));
  });
  t.deepEqual(reasons(await judge(t, mangled.target, { upload: 1 })), ['wrong-body']);
});

test('an answer that does not come is a failure after its time', async (t) => {
  const { target } = await serve(t, () => {});
  t.deepEqual(reasons(await judge(t, target, { keepAlive: 5 }, { answerMs: 200 })), ['no-answer']);
});

test('what is no HTTP is malformed', async (t) => {
  const server = createTcpServer((socket) => socket.on('error', () => {}).end('220 smtp.example.org\r\n'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => void server.close());
  const report = await judge(t, { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, { short: 1 });
  t.deepEqual(reasons(report), ['malformed']);
});

test('a port where nobody listens refuses', async (t) => {
  const { server, target } = await serve(t, full);
  server.close();
  t.deepEqual(reasons(await judge(t, target, { short: 2, hot: 2 })), ['connect-refused']);
});

test('an idle connection that is closed before its time is a failure, whoever waits on it', async (t) => {
  const { target } = await serve(t, (req, res) => {
    res.on('finish', () => setTimeout(() => req.socket.destroy(), 300));
    full(req, res);
  });
  for (const kind of ['idle', 'patient'] as const) {
    closedEarly(t, await judge(t, target, { [kind]: 3 }));
  }
});

/** Now and then, where the server is kept waiting for a processor, it closes what the client has just asked on. */
function closedEarly(t: ExecutionContext, report: Report): void {
  const others = reasons(report).filter((reason) => !reason.endsWith('before-response'));
  t.deepEqual(others, ['idle-closed-early']);
}

test('a connection that was never used and is closed early is a failure', async (t) => {
  const { server, target } = await serve(t, full);
  server.on('connection', (socket) => setTimeout(() => socket.destroy(), 100));
  closedEarly(t, await judge(t, target, { unused: 3 }));
});

test('a drain by server.close() is found out', async (t) => {
  const { server, target } = await serve(t, full);
  const load = startLoad(t, { target, mix: { keepAlive: 16, patient: 4 }, keepAliveTimeoutMs: KEEP_ALIVE_MS });
  await load.warm(2);
  // Listens on, so that what is lost is lost by the close of the idle connections alone.
  server.closeIdleConnections();
  await load.mark();
  await load.answeredAtLeast(100);
  const report = await load.stop();
  t.true(report.failed > 0);
  t.deepEqual(
    reasons(report).filter((reason) => !['closed-before-response', 'idle-closed-early', 'reset-before-response'].includes(reason)),
    [],
  );
});

test('an early answer whose connection is closed over the unread body is a failure', async (t) => {
  const { target } = await serve(t, (req, res) => {
    res.shouldKeepAlive = false;
    full(req, res);
  });
  const report = await judge(t, target, { early: 2 });
  t.deepEqual(
    reasons(report).filter((reason) => !reason.endsWith('before-response')),
    [],
  );
});

test('pipelined requests that go unanswered fail each', async (t) => {
  const { target } = await serve(t, (req, res) => {
    full(req, res);
    res.on('finish', () => req.socket.destroy());
  });
  const report = await judge(t, target, { pipelined: 1 });
  t.deepEqual(
    report.failures.map((failure) => failure.kind).filter((kind) => kind !== 'pipelined'),
    [],
  );
  t.true(report.failed >= 2 * (report.total - report.failed), 'at least two more were sent behind each that was answered');
});

test('the load ends itself after its limit, and says so', async (t) => {
  const { target } = await serve(t, full);
  const load = startLoad(t, { target, mix: { keepAlive: 1 }, keepAliveTimeoutMs: KEEP_ALIVE_MS, limitMs: 200 });
  const { failures } = await load.failedAtLeast(1);
  t.like(failures[0], { kind: 'load', reason: 'load-cut-off' });
});

test('an app that echoes nothing can be asked too', async (t) => {
  const { target } = await serve(t, (_req, res) => res.end('hello'));
  const load = startLoad(t, { target, mix: { short: 1, keepAlive: 1 }, keepAliveTimeoutMs: KEEP_ALIVE_MS, echoes: false });
  await load.warm(5);
  assertLossless(t, await load.stop());
});

test('the probe counts refusals while nobody listens', async (t) => {
  const { server, target } = await serve(t, full);
  const listening = probeRefused(t, target);
  await new Promise((resolve) => server.once('connection', resolve));
  t.like(await listening.stop(), { refused: 0, others: {} });
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
  const report = await probeRefused(t, target).stop();
  t.true(report.attempts > 0);
  t.is(report.refused, report.attempts);
});
