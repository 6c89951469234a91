import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { readSettings } from '#src/settings/index.js';
import { lineOf } from '#src/worker/access-line.js';
import { type Exchange, followExchanges } from '#src/worker/exchanges.js';
import { waitFor } from '../../support/wait.js';

const WHO = { name: 'shop', gen: 3, slot: 2, pid: 4711 };

async function listening(t: ExecutionContext, server: Server): Promise<(raw: string) => Promise<string>> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (raw) =>
    new Promise((resolve, reject) => {
      let said = '';
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      socket.setEncoding('latin1');
      socket.on('data', (text) => {
        said += text;
      });
      socket.on('close', () => resolve(said)).on('error', reject);
      socket.write(raw, 'latin1');
    });
}

function formatted(format: string): ReturnType<typeof lineOf> {
  const request = readSettings(['--access-logformat', format, 'app.js'], {});
  if (request.kind !== 'run') throw new Error(request.kind);
  return lineOf(request.settings.accessLogformat, WHO);
}

/** What is told of a request of these raw bytes, which ends its connection. */
async function told(t: ExecutionContext, raw: string, app: Parameters<typeof createServer>[1] = (_, res) => res.end('hello')) {
  const server = createServer({}, app);
  const exchanges: Exchange[] = [];
  followExchanges(server, (exchange) => exchanges.push(exchange));
  const ask = await listening(t, server);
  const answer = await ask(raw);
  return { exchanges, answer };
}

const GET = 'GET /a/b?c=d&e HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';

test("gunicorn's atoms, one by one", async (t) => {
  const basic = Buffer.from('jo smith:secret').toString('base64');
  const raw = `${GET}Referer: http://r/\r\nUser-Agent: me/1\r\nX-Twice: 1\r\nAuthorization: Basic ${basic}\r\n\r\n`;
  const { exchanges } = await told(t, raw, (_, res) => res.writeHead(201, { 'X-Out': 'o', 'content-length': 5 }).end('hello'));
  const [exchange] = exchanges;
  if (exchange === undefined || exchanges.length !== 1) return void t.fail();
  const is = (format: string, wanted: string | RegExp) =>
    typeof wanted === 'string' ? t.is(formatted(format)(exchange), wanted) : t.regex(formatted(format)(exchange), wanted);
  is('%(h)s %(l)s %(u)s %(p)s', '127.0.0.1 - jo\\x20smith <4711>');
  is('%(t)s', /^\[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]$/);
  is('%(r)s|%(m)s|%(U)s|%(q)s|%(H)s', 'GET /a/b?c=d&e HTTP/1.1|GET|/a/b|c=d&e|HTTP/1.1');
  is('%(s)s %(B)s %(b)s %(f)s %(a)s', '201 5 5 http://r/ me/1');
  is('%({x-twice}i)s %({X-None}i)s %({x-out}o)s %({Content-Length}o)s %({DATE}o)s', /^1 - o 5 \w{3}, .* GMT$/);
  is('%({constructor}e)s %({toString}e)s %({__proto__}e)s %({constructor}i)s %({constructor}o)s', '- - - - -');
  is('%({HTTP_USER_AGENT}e)s %({REMOTE_ADDR}e)s %({PATH_INFO}e)s %({QUERY_STRING}e)s', 'me/1 127.0.0.1 /a/b c=d&e');
  is('%({PATH}e)s %({NO_SUCH}e)s 100%%', `${process.env.PATH} - 100%`);
  const [T, M, D, L] = formatted('%(T)s %(M)s %(D)s %(L)s')(exchange).split(' ').map(Number) as [number, number, number, number];
  t.true(T === 0 && M >= 0 && M < 60_000 && Math.floor(D / 1000) === M && Math.abs(L * 1e6 - D) <= 1);
});

test('a client can end neither a field nor a line, whatever it sends', async (t) => {
  const user = Buffer.from('a" 200\n1.2.3.4 - - [x] "GET /forged').toString('base64');
  const raw = `GET /"\\ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUser-Agent: "q\\\xff\tz\r\nReferer: \x9b2J"\r\nAuthorization: Basic ${user}\r\n\r\n`;
  const { exchanges } = await told(t, raw);
  const [exchange] = exchanges;
  if (exchange === undefined) return void t.fail();
  const line = formatted('%(u)s "%(r)s" %(U)s "%(a)s" "%(f)s"')(exchange);
  t.is(line, String.raw`a\"\x20200\x0a1.2.3.4\x20-\x20-\x20[x]\x20\"GET\x20/forged "GET /\"\\ HTTP/1.1" /\"\\ "\"q\\\xff\x09z" "\x9b2J\""`);
  const json = formatted('json')(exchange);
  t.notRegex(json, /[\0-\x1f\x7f-\x9f]/);
  t.like(JSON.parse(json), {
    user: 'a" 200\n1.2.3.4 - - [x] "GET /forged',
    path: '/"\\',
    agent: '"q\\\xff\tz',
    referer: '\x9b2J"',
  });
});

test('JSON has everything once', async (t) => {
  const { exchanges } = await told(t, `${GET}\r\n`);
  const [exchange] = exchanges;
  if (exchange === undefined) return void t.fail();
  const { time, durationMs, ...rest } = JSON.parse(formatted('json')(exchange)) as Record<string, unknown>;
  t.deepEqual(rest, {
    remote: '127.0.0.1',
    user: null,
    method: 'GET',
    path: '/a/b',
    query: 'c=d&e',
    protocol: 'HTTP/1.1',
    status: 200,
    bytes: 5,
    complete: true,
    referer: null,
    agent: null,
    ...WHO,
  });
  t.is(new Date(String(time)).toISOString(), String(time));
  t.true(typeof durationMs === 'number' && durationMs >= 0);
});

test('bytes are those of the body: however it is written, and none where none is sent', async (t) => {
  const app: Parameters<typeof createServer>[1] = (req, res) => {
    if (req.url === '/204') res.statusCode = 204;
    res.write('é');
    res.write(Buffer.from('abc'));
    res.end('ff', 'hex');
  };
  const bytes = async (raw: string) => (await told(t, raw, app)).exchanges.map((exchange) => exchange.bytes);
  t.deepEqual(await bytes('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), [2 + 3 + 1]);
  t.deepEqual(await bytes('HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), [0]);
  t.deepEqual(await bytes('GET /204 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), [0]);
});

test('pipelined requests are told of in their order, each with its own bytes', async (t) => {
  const app: Parameters<typeof createServer>[1] = (req, res) => {
    // The later ones are answered first.
    const n = Number(req.url?.slice(1));
    setTimeout(() => res.end('x'.repeat(n)), 40 - n * 10);
  };
  const raw = [1, 2, 3].map((n) => `GET /${n} HTTP/1.1\r\nHost: x\r\n${n === 3 ? 'Connection: close\r\n' : ''}\r\n`).join('');
  const { exchanges } = await told(t, raw, app);
  t.deepEqual(
    exchanges.map(({ request, bytes, status, complete }) => [request?.url, bytes, status, complete]),
    [
      ['/1', 1, 200, true],
      ['/2', 2, 200, true],
      ['/3', 3, 200, true],
    ],
  );
});

test('a connection that ends before: 499, or the status that was sent already, once', async (t) => {
  let late = 0;
  const server = createServer((req, res) => {
    if (req.url === '/half') res.write('half');
    req.socket.destroy();
    // Too late for anybody.
    setTimeout(() => {
      res.end('never');
      setImmediate(() => {
        late += 1;
      });
    }, 20);
  });
  const exchanges: Exchange[] = [];
  followExchanges(server, (exchange) => exchanges.push(exchange));
  const ask = await listening(t, server);
  await ask('GET /none HTTP/1.1\r\nHost: x\r\n\r\n').catch(() => '');
  await ask('GET /half HTTP/1.1\r\nHost: x\r\n\r\n').catch(() => '');
  await waitFor(() => late === 2, 20_000, 'both answers that are too late');
  t.deepEqual(
    exchanges.map(({ request, status, bytes, complete, address }) => [request?.url, status, bytes, complete, address]),
    [
      ['/none', 499, 0, false, '127.0.0.1'],
      ['/half', 200, 4, false, '127.0.0.1'],
    ],
  );
});

test('a router that shortens the url changes no line', async (t) => {
  const { exchanges } = await told(t, `${GET}\r\n`, (req, res) => {
    req.url = '/b';
    req.method = 'PUT';
    res.end();
  });
  t.deepEqual(exchanges.map(formatted('%(r)s %(m)s %(U)s')), ['GET /a/b?c=d&e HTTP/1.1 GET /a/b']);
});

test('1xx is not the answer', async (t) => {
  const raw = 'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx';
  const { exchanges, answer } = await told(t, raw, (req, res) => req.resume().on('end', () => res.end('done')));
  t.regex(answer, /^HTTP\/1\.1 100 Continue/);
  t.deepEqual(
    exchanges.map(({ status, bytes }) => [status, bytes]),
    [[200, 4]],
  );
});

test('an upgraded connection is told of when it ends, with what the app said and all that it sent', async (t) => {
  const server = createServer();
  server.on('upgrade', (req, socket) => {
    socket.write(
      req.url === '/no'
        ? 'HTTP/1.1 403 Forbidden\r\n\r\n'
        : 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
    );
    socket.end('bye');
  });
  const exchanges: Exchange[] = [];
  followExchanges(server, (exchange) => exchanges.push(exchange));
  const ask = await listening(t, server);
  const raw = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`;
  const sent = [await ask(raw('/yes')), await ask(raw('/no'))].map((text) => text.length);
  await waitFor(() => exchanges.length === 2, 20_000, 'the end of both');
  t.deepEqual(
    exchanges.map(({ request, status, bytes, complete }) => [request?.url, status, bytes, complete]),
    [
      ['/yes', 101, sent[0], true],
      ['/no', 403, sent[1], true],
    ],
  );
});

test('what Node refuses has a line, too, without a request', async (t) => {
  const { exchanges, answer } = await told(t, 'GET / HTTP/1.1\r\nno header\r\n\r\n');
  t.regex(answer, /^HTTP\/1\.1 400/);
  const [exchange] = exchanges;
  if (exchange === undefined || exchanges.length !== 1) return void t.fail();
  t.is(formatted('%(h)s "%(r)s" %(s)s %(b)s %(m)s %(U)s "%(f)s"')(exchange), '127.0.0.1 "-" 400 - - - "-"');
  t.like(JSON.parse(formatted('json')(exchange)), { method: null, path: '-', status: 400, remote: '127.0.0.1' });
});

test("another server's exchanges are none of ours", async (t) => {
  const exchanges: Exchange[] = [];
  followExchanges(createServer(), (exchange) => exchanges.push(exchange));
  const ask = await listening(
    t,
    createServer((_, res) => res.end('x')),
  );
  await ask(`${GET}\r\n`);
  t.is(exchanges.length, 0);
});
