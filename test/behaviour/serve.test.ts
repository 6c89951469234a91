// Starting, serving, replacing what dies, stopping.
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmdirSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { ask } from '../support/ask.js';
import { HELD_LONG, holdRequest } from '../support/held-request.js';
import { startHoldfast } from '../support/holdfast.js';
import { fixture } from '../support/paths.js';
import { descriptorLinks, isAlive, waitGone } from '../support/proc.js';
import { Releases } from '../support/releases.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

for (const app of ['hello.js', 'commonjs.cjs', 'named.mjs', 'server.mjs', 'factory.mjs', 'express.cjs']) {
  test(`${app} is served`, async (t) => {
    const holdfast = await startHoldfast(t, { app: fixture(app), args: ['-w', '2'] });
    t.is((await ask(holdfast.target)).status, 200);
    t.is(holdfast.workers().length, 2);
  });
}

test('several addresses are served: v4, v6, a name and a unix socket', async (t) => {
  const path = join(tempDir(t), 'shop.sock');
  const holdfast = await startHoldfast(t, { args: ['-b', '127.0.0.1:0', '-b', '[::1]:0', '-b', 'localhost:0', '-b', `unix:${path}`] });
  t.is((await ask({ socketPath: path })).status, 200);
  for (const address of holdfast.addresses.filter((one) => !one.startsWith('unix:'))) {
    const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
    t.is((await ask({ host, port: Number(port) })).status, 200, address);
  }
  await holdfast.stop();
  t.false(existsSync(path), 'the socket file is removed by the final stop');
});

test('a port in use is refused, and the line names who holds it', async (t) => {
  const first = await startHoldfast(t);
  const second = await startHoldfast(t, { args: ['-b', `127.0.0.1:${first.port}`], untilReady: false, allowErrors: true });
  t.is((await second.exit).status, 1);
  t.regex(second.stderr, new RegExp(`^holdfast: cannot bind 127\\.0\\.0\\.1:${first.port}: in use by .* \\(pid ${first.pid()}\\)\\n$`));
  t.false(existsSync(second.pidfile ?? ''));
});

test('a second start on the same pidfile is refused, and the first one goes on', async (t) => {
  const first = await startHoldfast(t);
  const second = await startHoldfast(t, { pidfile: first.pidfile ?? false, untilReady: false, allowErrors: true });
  t.is((await second.exit).status, 1);
  t.regex(second.stderr, new RegExp(`names a running master \\(pid ${first.pid()}\\); kill -USR2 ${first.pid()} upgrades it`));
  t.is((await ask(first.target)).status, 200);
  await first.stop();
  // The second one's teardown would read the pidfile of the first.
  await second.gone();
});

test('a worker that is killed is replaced, and only it', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['-w', '2'] });
  const [first, second] = holdfast.workers();
  t.truthy(first && second);
  process.kill(first?.pid ?? 0, 'SIGKILL');
  await holdfast.event('worker.ready', (line) => line.slot === 1 && line['worker'] !== first?.pid);
  await waitFor(() => holdfast.workers().length === 2, 20_000, 'two workers again');
  t.true(isAlive(second?.pid ?? 0));
});

test('workers that die young are replaced after growing pauses', async (t) => {
  const dir = tempDir(t);
  const [app, ill] = [join(dir, 'app.mjs'), join(dir, 'ill')];
  writeFileSync(
    app,
    `import { existsSync } from 'node:fs';
     import { createServer } from 'node:http';
     const server = createServer((req, res) => res.end());
     if (existsSync(${JSON.stringify(ill)})) server.on('listening', () => setImmediate(() => process.exit(9)));
     export default server;`,
  );
  const holdfast = await startHoldfast(t, { app, args: ['-w', '2'] });
  writeFileSync(ill, '');
  process.kill(holdfast.workers().find(({ slot }) => slot === 2)?.pid ?? 0, 'SIGKILL');
  const exits = async (pause: string) => holdfast.event('worker.exit', (line) => String(line.msg).includes(`replaced in ${pause} s`));
  t.truthy(await exits('1'));
  t.truthy(await exits('2'));
  t.truthy(await exits('4'));
});

for (const [what, code, status, words] of [
  ['throws', `throw new Error('no database here')`, 4, /no database here/],
  ['has a syntax error', 'export default {{{', 4, /SyntaxError|Unexpected/],
  ['rejects', `export default async () => { throw new Error('rejected, sorry') }`, 4, /rejected, sorry/],
  ['exports a number', 'export default 42', 4, /nothing servable/],
  ['exports nothing', 'export {}', 4, /nothing servable/],
  ['exits', 'process.exit(7)', 3, /exited with status 7/],
] as const) {
  test(`an app that ${what} ends the first generation with status ${status} and its own words`, async (t) => {
    const app = join(tempDir(t), 'app.mjs');
    writeFileSync(app, code);
    const holdfast = await startHoldfast(t, { app, args: ['-w', '2'], untilReady: false, allowErrors: true });
    t.deepEqual(await holdfast.exit, { status, signal: null });
    t.regex(holdfast.stderr, words);
    t.regex(holdfast.stderr, /^holdfast: .*\n$/, 'one line');
    await holdfast.gone();
    t.false(existsSync(holdfast.pidfile ?? ''));
  });
}

test("an app that forks its worker is told in one line that workers are the master's affair", async (t) => {
  const app = join(tempDir(t), 'app.mjs');
  writeFileSync(
    app,
    `import cluster from 'node:cluster';
const status = await new Promise((exited) => cluster.fork().on('exit', exited));
export default (req, res) => res.end('forked: ' + status);`,
  );
  const holdfast = await startHoldfast(t, { app, allowErrors: true });
  t.is((await ask(holdfast.target)).body, 'forked: 1');
  t.regex(holdfast.stderr, /^holdfast: cannot start a worker: the app forked this process.*\n$/);
});

test('an app that is not there ends the first generation with status 4', async (t) => {
  const holdfast = await startHoldfast(t, { app: './nowhere.js', untilReady: false, allowErrors: true });
  t.is((await holdfast.exit).status, 4);
  t.regex(holdfast.stderr, /^holdfast: cannot load .*nowhere\.js: no such file/);
});

test('of several errors the last one is why an app does not load: those before it has caught', async (t) => {
  const app = join(tempDir(t), 'app.mjs');
  writeFileSync(
    app,
    `const caught = new Promise((resolve) => process.on('uncaughtException', resolve));
     setImmediate(() => { throw new Error('it lived through this'); });
     await caught;
     throw new Error('and not through this');`,
  );
  const holdfast = await startHoldfast(t, { app, untilReady: false, allowErrors: [/cannot load/] });
  t.is((await holdfast.exit).status, 4);
  t.regex(holdfast.stderr, /^holdfast: cannot load .*: and not through this at .*:4\n$/);
});

test('an error that the app caught is not why its worker ends later, or is killed', async (t) => {
  const app = join(tempDir(t), 'app.mjs');
  writeFileSync(
    app,
    `const caught = new Promise((resolve) => process.on('uncaughtException', resolve));
     const fail = () => setImmediate(() => { throw new Error('it lived through this'); });
     fail();
     await caught;
     export default (req, res) => {
       if (req.url === '/exit') process.exit(7);
       fail();
       setImmediate(() => res.end());
     };`,
  );
  const holdfast = await startHoldfast(t, { app, args: ['-w', '1'] });
  const [first] = holdfast.workers();
  await t.throwsAsync(ask(holdfast.target, '/exit'));
  const exited = await holdfast.event('worker.exit');
  t.regex(exited.msg ?? '', /^worker 1 exited with status 7; replaced/);
  await holdfast.event('worker.ready', ({ worker }) => worker !== first?.pid);
  await ask(holdfast.target);
  process.kill(holdfast.workers()[0]?.pid ?? 0, 'SIGKILL');
  const killed = await holdfast.event('worker.exit', undefined, { after: exited });
  t.regex(killed.msg ?? '', /^worker 1 was killed by SIGKILL; replaced/);
});

test('a worker that is not ready in time ends the first generation with status 3', async (t) => {
  const app = join(tempDir(t), 'app.mjs');
  writeFileSync(app, 'await new Promise((resolve) => setTimeout(resolve, 60_000));');
  const holdfast = await startHoldfast(t, { app, args: ['--boot-timeout', '1'], untilReady: false, allowErrors: true });
  t.is((await holdfast.exit).status, 3);
  t.regex(holdfast.stderr, /was not ready within 1 s \(--boot-timeout\)/);
});

test('a failed probe ends the first generation with status 3', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['--probe', '/not-there'], untilReady: false, allowErrors: true });
  t.is((await holdfast.exit).status, 3);
  t.regex(holdfast.stderr, /probe \/not-there answered 404/);
});

test('a stuck worker writes its stack down, is killed and replaced', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['-t', '1'], allowErrors: [/worker\.timeout/] });
  const [stuck] = holdfast.workers();
  const hung = ask(holdfast.target, '/block?ms=60000').catch(() => 'cut');
  const line = await holdfast.event('worker.timeout', (one) => Array.isArray(one['stack']));
  t.regex(JSON.stringify(line['stack']), /block/);
  t.is(await hung, 'cut');
  await waitGone(stuck?.pid ?? 0, 20_000);
  await waitFor(() => holdfast.workers().length === 1, 20_000, 'its replacement');
  t.is((await ask(holdfast.target)).status, 200);
});

test('TERM answers what is in flight, then ends everything and leaves no file', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['-w', '2', ...HELD_LONG] });
  const held = await holdRequest(holdfast);
  const exit = holdfast.stop();
  await holdfast.event('drain.start', ({ connections }) => connections === 1);
  t.is(await held.answer(), 'held');
  t.deepEqual(await exit, { status: 0, signal: null });
  t.false(existsSync(holdfast.pidfile ?? ''));
});

test('an app that closes its server on TERM has closed it: it gets no error, and each of its listeners is told once', async (t) => {
  const releases = new Releases(t, 0);
  releases.add(`import { createServer } from 'node:http';
import { promisify } from 'node:util';
const server = createServer((req, res) => res.end()).on('close', () => console.log('told first'));
process.on('SIGTERM', async () => {
  server.once('close', () => console.log('told then'));
  server.close((error) => console.log('closed', error));
  await promisify(server.close.bind(server))();
  console.log('closed again');
});
export default server;`);
  releases.point(1);
  const holdfast = await startHoldfast(t, { cwd: releases.current, app: releases.app });
  t.is((await ask(holdfast.target)).status, 200);
  await holdfast.stop();
  t.is(holdfast.events('worker.exit')[0]?.['code'], 0);
  const printed = holdfast.stdout.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  t.deepEqual(printed, ['told first', 'told then', 'closed undefined', 'closed again']);
});

test("an app's own way to close its server is not taken from it", async (t) => {
  const releases = new Releases(t, 0);
  releases.add(`import { Server } from 'node:http';
class Own extends Server {
  close(callback) {
    console.log('own close');
    return super.close(callback);
  }
}
const server = new Own((req, res) => res.end());
process.on('SIGTERM', () => server.close());
export default server;`);
  releases.point(1);
  const holdfast = await startHoldfast(t, { cwd: releases.current, app: releases.app });
  await holdfast.stop();
  t.regex(holdfast.stdout, /^own close$/m);
});

test('a keep-alive timeout that the app sets when it listens is kept by a drain, beyond the deadline that it had before', async (t) => {
  const releases = new Releases(t, 0);
  releases.add(`import { createServer } from 'node:http';
const server = createServer({ keepAliveTimeout: 100 }, (req, res) => res.end());
export default server.on('listening', () => { server.keepAliveTimeout = 8_000; });`);
  releases.point(1);
  const holdfast = await startHoldfast(t, { cwd: releases.current, app: releases.app, args: ['--graceful-timeout', '1'], stopMs: 30_000 });
  const idle = connect({ ...holdfast.target });
  t.teardown(() => void idle.destroy());
  idle.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(idle.setEncoding('latin1'), 'data');
  const answered = performance.now();
  const [ended] = await Promise.all([once(idle, 'end').then(() => performance.now()), holdfast.stop()]);
  t.true(ended - answered > 7_900, `after ${Math.round(ended - answered)} ms`);
  t.like(holdfast.events('worker.exit')[0], { code: 0, signal: null });
});

for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
  test(`${signal} ends everything at once`, async (t) => {
    const holdfast = await startHoldfast(t, { args: ['-w', '2'] });
    const held = await holdRequest(holdfast);
    holdfast.signal(signal);
    await holdfast.gone(20_000);
    t.is(await held.outcome, 'cut');
    t.deepEqual(await holdfast.exit, { status: 0, signal: null });
  });
}

test('a master that is killed leaves no worker behind', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['-w', '2'] });
  process.kill(holdfast.pid(), 'SIGKILL');
  await holdfast.gone();
  t.pass();
});

test('a stuck worker does not outlive the last master, nor hold its port', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['-w', '2', '-t', '0', '--graceful-timeout', '1', '--keep-alive', '1'], stopMs: 20_000 });
  const hung = ask(holdfast.target, '/block?ms=600000').catch(() => 'cut');
  // The stuck worker may have accepted this one too, before it came to the other.
  await waitFor(() => ask(holdfast.target, '/', 300).then(Boolean, () => false), 20_000, 'the other worker');
  process.kill(holdfast.pid(), 'SIGKILL');
  await holdfast.gone();
  t.is(await hung, 'cut');
  await startHoldfast(t, { args: ['-b', `127.0.0.1:${holdfast.port}`] });
});

test("the app and its children see no descriptor, channel or hand-over variable of ours, nor a service manager's, in no generation", async (t) => {
  const logFile = join(tempDir(t), 'shop.log');
  const holdfast = await startHoldfast(t, {
    args: ['-w', '2', '-b', '127.0.0.1:0', '-b', `unix:${join(tempDir(t), 'shop.sock')}`],
    env: { NOTIFY_SOCKET: '/nowhere', WATCHDOG_PID: '1', WATCHDOG_USEC: '9', LISTEN_PID: '1', LISTEN_FDS: '1', LISTEN_FDNAMES: 'shop' },
    logFile,
  });
  for (const generation of [1, 2, 3]) {
    const ours = (names: readonly string[]) => names.filter((name) => /^(HOLDFAST|NOTIFY|LISTEN|WATCHDOG)_/.test(name)).sort();
    const allowed = ['HOLDFAST_GENERATION', 'HOLDFAST_TEST_MARK', 'HOLDFAST_WORKER'];
    t.deepEqual(ours(JSON.parse((await ask(holdfast.target, '/env')).body) as string[]), allowed);
    const shell = (await ask(holdfast.target, '/child-fds')).body.trim().split('\n');
    const [fds, names] = [shell.filter((line) => /^\d+ /.test(line)), shell.filter((line) => !/^\d+ /.test(line))];
    t.deepEqual(ours(names), allowed);
    const strays = fds.filter((line) => Number(line.split(' ')[0]) > 2);
    t.deepEqual(strays.filter(notOfTheTests), [], `a shell of generation ${generation}`);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    await waitFor(() => holdfast.workers(generation).length === 0, 20_000, 'the old workers to leave');
  }
});

/** Whoever runs the tests may have left something inheritable open, all the way down to the children of the app. */
function notOfTheTests(line: string): boolean {
  const outer = new Set(descriptorLinks(process.pid).map(({ target }) => target));
  return !outer.has(line.split(' ')[1] ?? '');
}

test('a worker that is stuck in loading its app does not outlive the last master either', async (t) => {
  const [app, stuck] = ['loops.mjs', 'stuck'].map((name) => join(tempDir(t), name)) as [string, string];
  writeFileSync(app, `import { appendFileSync } from 'node:fs'; appendFileSync(${JSON.stringify(stuck)}, '!'); for (;;);`);
  const holdfast = await startHoldfast(t, { app, args: ['-w', '2'], untilReady: false });
  await waitFor(() => existsSync(stuck) && readFileSync(stuck, 'utf8') === '!!', 20_000, 'two workers that are stuck');
  process.kill(Number(holdfast.events('master.start').at(0)?.pid), 'SIGKILL');
  await holdfast.gone();
  t.is((await holdfast.exit).signal, 'SIGKILL');
});

test('workers that load faster than the pidfile can be written wait for it', async (t) => {
  const pidfile = join(tempDir(t), 'pid');
  const section = `${pidfile}.lock`;
  mkdirSync(section);
  // Somebody holds the section, and lives.
  const holder = setInterval(() => utimesSync(section, new Date(), new Date()), 200);
  t.teardown(() => clearInterval(holder));
  const holdfast = await startHoldfast(t, { pidfile, args: ['-w', '2'], untilReady: false });
  for (const slot of [1, 2]) await holdfast.event('worker.ready', (line) => line.slot === slot);
  await t.throwsAsync(holdfast.event('listener.bound', undefined, { timeoutMs: 500 }), undefined, 'nobody may connect yet');
  clearInterval(holder);
  rmdirSync(section);
  await holdfast.event('listener.bound');
  t.true(existsSync(pidfile));
  await holdfast.event('master.ready');
});

test('the pidfile holds the pid and a newline', async (t) => {
  const holdfast = await startHoldfast(t);
  t.regex(readFileSync(holdfast.pidfile ?? '', 'utf8'), /^\d+\n$/);
});

for (const value of ['2', '3', '99', 'abc']) {
  test(`HOLDFAST_KEEPER=${value}, set by hand, is no keeper, and no reason not to serve`, async (t) => {
    const holdfast = await startHoldfast(t, { env: { HOLDFAST_KEEPER: value } });
    t.is((await ask(holdfast.target)).status, 200);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    t.is((await ask(holdfast.target)).status, 200);
  });
}

for (const [what, env, why] of [
  ['whose format is no number', { HOLDFAST_HANDOVER: 'yes' }, 'HOLDFAST_HANDOVER is "yes"'],
  ['without a predecessor', { HOLDFAST_HANDOVER: '1', HOLDFAST_FDS: '127.0.0.1:8000=3' }, 'HOLDFAST_PREDECESSOR is no pid'],
  ['with nonsense for descriptors', { HOLDFAST_HANDOVER: '1', HOLDFAST_PREDECESSOR: '1', HOLDFAST_FDS: 'abc' }, ''],
  [
    'with a descriptor of somebody else',
    { HOLDFAST_HANDOVER: '1', HOLDFAST_PREDECESSOR: '1', HOLDFAST_FDS: '127.0.0.1:8000=3' },
    'is no channel',
  ],
] as const) {
  test(`a forged hand-over ${what} is refused in one line`, async (t) => {
    const holdfast = await startHoldfast(t, { env, untilReady: false, allowErrors: true });
    t.deepEqual(await holdfast.exit, { status: 1, signal: null });
    t.regex(holdfast.stderr, new RegExp(`^holdfast: .*malformed hand-over: .*${why}.*\\n$`));
  });
}

test('a worker that is told to leave while its sibling loads, and takes its time, is replaced, and the start goes on', async (t) => {
  const dir = tempDir(t);
  const [app, loads, stays] = ['app.mjs', 'loads', 'stays'].map((name) => join(dir, name)) as [string, string, string];
  for (const file of [loads, stays]) writeFileSync(file, '');
  const whileThere = (file: string) =>
    `while (existsSync(${JSON.stringify(file)})) await new Promise((resolve) => setTimeout(resolve, 10));`;
  writeFileSync(
    app,
    `import { existsSync } from 'node:fs';
    if (process.env.HOLDFAST_WORKER === '2') ${whileThere(loads)}
    process.on('SIGTERM', async () => { ${whileThere(stays)} });
    export default (_request, response) => response.end();`,
  );
  const holdfast = await startHoldfast(t, { app, args: ['-w', '2'], untilReady: false });
  const first = await holdfast.event('worker.ready', ({ slot }) => slot === 1);
  process.kill(Number(first.worker), 'SIGTERM');
  await holdfast.event('worker.ready', ({ slot }) => slot === 1, { after: first });
  unlinkSync(loads);
  await holdfast.event('worker.ready', ({ slot }) => slot === 2);
  unlinkSync(stays);
  await holdfast.event('master.ready');
  t.is((await ask(holdfast.target)).status, 200);
});
