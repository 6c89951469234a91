// --reuse-port: a socket for each worker, none of which is ever closed or left alone. Tolerance zero.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ask } from '../support/ask.js';
import { caughtUp } from '../support/caught-up.js';
import { descriptors, listeningSockets } from '../support/descriptors.js';
import { dueDescriptors } from '../support/due-descriptors.js';
import { heavily, rounds } from '../support/heavy.js';
import { HELD_LONG, holdAtEach, holdRequest } from '../support/held-request.js';
import { holdCommitted, holdLoading, holdReady } from '../support/held-upgrade.js';
import { type Holdfast, type HoldfastOptions, startHoldfast } from '../support/holdfast.js';
import { type Launcher, launcher } from '../support/launcher.js';
import { everyKind, startLoad } from '../support/load/index.js';
import { assertLossless, summary } from '../support/load/lossless.js';
import { fixture } from '../support/paths.js';
import { Releases } from '../support/releases.js';
import { steady } from '../support/settled.js';
import { freeze, thaw } from '../support/signals.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

const KEEP_ALIVE = 5_000;
const SIZES = [2, 6, 4, 2, 6, 2, 4, 6, 2, 6].slice(0, rounds(5, 10));
const UPGRADES = rounds(5, 12);
/** So that a drain under load does not take long. */
const BRIEF = 2_000;
const drained = (holdfast: Holdfast, workers: number) =>
  waitFor(() => holdfast.processes().length === 1 + workers, 40_000, `one master and ${workers} workers alone`);

/** How many sockets listen, once there are as many as that. */
const sockets = (holdfast: Holdfast, count: number) =>
  waitFor(
    () => listeningSockets(holdfast.port) === count,
    20_000,
    () => `${count} sockets; there are ${listeningSockets(holdfast.port)}`,
  );

async function startScaled(
  t: ExecutionContext,
  args: string,
  options: HoldfastOptions = {},
): Promise<{ holdfast: Holdfast; next: Launcher }> {
  const next = launcher(t, args);
  return { next, holdfast: await startHoldfast(t, { stopMs: 40_000, ...options, ...next.options }) };
}

test.serial(heavily(`${SIZES.length} upgrades between 4, 2 and 6 workers lose nothing`), async (t) => {
  t.timeout(60_000 + SIZES.length * 30_000);
  const { holdfast, next } = await startScaled(t, '--reuse-port -w 4');
  await sockets(holdfast, 4);
  const load = await startLoad(t, { target: holdfast.target, mix: everyKind, keepAliveTimeoutMs: KEEP_ALIVE });
  await load.warm(2);
  for (const [upgrade, workers] of SIZES.entries()) {
    next.write(`--reuse-port -w ${workers}`);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    await load.mark();
    await load.answeredAtLeast(200);
    // Between the upgrades, too, each socket is somebody's: the load is patient, and whoever waited would be served by the next generation.
    await Promise.all(Array.from({ length: 40 }, () => ask(holdfast.target, '/', 10_000)));
    // The first six have new sockets as soon as nobody could return without them; the next upgrade comes while generations drain.
    if (upgrade === 1) await drained(holdfast, 6);
    if (upgrade === 1) await sockets(holdfast, 6);
  }
  const report = await load.stop();
  t.log(report.total, summary(report));
  assertLossless(t, report);
  t.is(listeningSockets(holdfast.port), 6);
});

test.serial('reloads, TTIN, TTOU, WINCH and HUP lose nothing', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['--reuse-port', '-w', '3'], stopMs: 40_000 });
  const load = await startLoad(t, { target: holdfast.target, mix: everyKind, keepAliveTimeoutMs: KEEP_ALIVE });
  const served = async () => {
    await load.mark();
    await load.answeredAtLeast(200);
  };
  await load.warm(2);
  for (const [signal, wanted] of [
    ['SIGTTIN', 4],
    ['SIGTTIN', 5],
    ['SIGHUP', 5],
    ['SIGTTOU', 4],
    ['SIGTTOU', 3],
    ['SIGTTOU', 2],
    ['SIGTTOU', 1],
    ['SIGHUP', 1],
    ['SIGTTIN', 2],
    ['SIGTTIN', 3],
  ] as const) {
    if (signal === 'SIGHUP') t.is((await holdfast.reload()).event, 'reload.done');
    else holdfast.signal(signal);
    await waitFor(() => holdfast.workers().length >= wanted, 20_000, `${wanted} workers`);
    await served();
  }
  // Else the HUP might be taken before it: of signals that wait together the kernel gives the lower number first. signal(7).
  await holdfast.signalAndWait('SIGWINCH', 'drain.start');
  t.is((await holdfast.reload()).event, 'reload.done');
  await served();
  const report = await load.stop();
  t.log(report.total, summary(report));
  assertLossless(t, report);
  t.is(listeningSockets(holdfast.port), 3, 'all of the first ones, and no others');
});

/** Asks on a connection of its own; the worker that answers, once it does. */
class Asked {
  readonly #socket: Socket;
  readonly answer: Promise<number>;
  worker: number | undefined;

  constructor(t: ExecutionContext, port: number) {
    this.#socket = connect(port, '127.0.0.1', () => this.#socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
    t.teardown(() => this.#socket.destroy());
    this.answer = new Promise((resolve, reject) => {
      this.#socket.setTimeout(20_000, () => this.#socket.destroy(new Error('nobody answers')));
      this.#socket.once('error', reject);
      this.#socket.once('data', (head: Buffer) => {
        this.worker = Number(/^x-worker: (\d+)/im.exec(head.toString())?.[1]);
        resolve(this.worker);
      });
    });
    this.answer.catch(() => undefined);
  }
}

test('what waits in the socket of a worker that is killed is served by its siblings, until another one accepts there', async (t) => {
  const releases = new Releases(t);
  const gate = join(releases.root, 'gate');
  writeFileSync(gate, '');
  const gated = `import { existsSync } from 'node:fs';
    while (!existsSync(${JSON.stringify(gate)})) await new Promise((resolve) => setTimeout(resolve, 10));
    export { default } from './full.js';`;
  releases.point(releases.add(gated));
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args: ['--reuse-port', '-w', '3'] });
  const [victim = { pid: 0 }, ...siblings] = holdfast.workers();
  const known = siblings.map(({ pid }) => pid);
  // It stands still: what the kernel gives to it waits, and what it gives to the others is answered.
  await freeze(t, victim.pid);
  const asked: Asked[] = [];
  const askOnce = () => {
    const one = new Asked(t, holdfast.port);
    asked.push(one);
    return one;
  };
  await waitFor(
    async () => {
      const batch = Array.from({ length: 12 }, askOnce);
      // When a later one has been answered by each sibling, all before it in their queues have been: what has not is the victim's.
      const later: Asked[] = [];
      const after = () => known.every((sibling) => later.some(({ worker }) => worker === sibling)) || later.push(askOnce()) === 0;
      await waitFor(after, 20_000, 'an answer of each sibling');
      return batch.some(({ worker }) => worker === undefined);
    },
    20_000,
    'connections in its queue',
  );
  t.true(asked.every(({ worker }) => worker === undefined || known.includes(worker)));
  const waiting = asked.filter(({ worker }) => worker === undefined);
  rmSync(gate);
  process.kill(victim.pid, 'SIGKILL');
  for (const each of waiting) t.true(known.includes(await each.answer));
  const many = Array.from({ length: 60 }, () => new Asked(t, holdfast.port));
  for (const each of many) t.true(known.includes(await each.answer), 'new connections too, while nobody else is there');
  const { worker } = await holdfast.event('worker.spawn', (line) => line['slot'] === 1 && line['worker'] !== victim.pid);
  writeFileSync(gate, '');
  await holdfast.event('worker.ready', (line) => line['worker'] === worker);
  // Given back: one of its siblings stands still, and what waits for that is not the new one's; all the rest is answered.
  await waitFor(async () => (await ask(holdfast.target)).headers['x-worker'] === String(worker), 20_000, 'an answer of the new one');
  const accepts = (pid: number) => descriptors(pid).list.filter((line) => line.includes(`:${holdfast.port} listening`)).length;
  const counts = () => holdfast.workers().map(({ pid }) => accepts(pid));
  await waitFor(
    () => counts().every((count) => count === 4),
    20_000,
    () => `three inherited sockets and one of its own each: ${counts()}`,
  );
});

test('an app that closes its own server and lives on leaves no connection waiting, and is replaced', async (t) => {
  const releases = new Releases(t);
  const gate = join(releases.root, 'gate');
  writeFileSync(gate, '');
  const closing = `import { existsSync } from 'node:fs';
    import { createServer } from 'node:http';
    import full from './full.js';
    while (!existsSync(${JSON.stringify(gate)})) await new Promise((resolve) => setTimeout(resolve, 10));
    const server = createServer((req, res) => {
      if (req.url === '/close') server.close(() => console.log('closed ' + process.pid));
      full(req, res);
    });
    setInterval(() => {}, 1_000);
    export default server;`;
  releases.point(releases.add(closing));
  const args = ['--reuse-port', '-w', '2', ...HELD_LONG];
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args });
  const workers = holdfast.workers().map(({ pid }) => pid);
  const long = await holdAtEach(holdfast, workers);
  // Its substitute does not accept yet, and cannot be who answers for it.
  rmSync(gate);
  const { worker } = await closeOne(holdfast);
  const sibling = String(workers.find((pid) => String(pid) !== worker));
  for (let asked = 0; asked < 40; asked += 1) t.is((await ask(holdfast.target)).headers['x-worker'], sibling);
  writeFileSync(gate, '');
  t.true(long.every(({ over }) => !over));
  for (const each of long) t.is(await each.answer(), 'held');
  await waitFor(() => holdfast.stdout.includes(`closed ${worker}\n`), 20_000, 'the app to hear that its server is closed');
  await holdfast.event('worker.exit', (line) => String(line['worker']) === worker);
  await waitFor(() => holdfast.workers().length === 2, 20_000, 'another one');
});

/** The worker that got it. */
async function closeOne(holdfast: Holdfast): Promise<{ readonly worker: string }> {
  const { headers } = await ask(holdfast.target, '/close');
  const worker = String(headers['x-worker']);
  await holdfast.event('drain.start', (line) => String(line.pid) === worker);
  return { worker };
}

test('a stop closes every socket at once, whoever still drains', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['--reuse-port', '-w', '2', ...HELD_LONG] });
  const long = await holdRequest(holdfast);
  holdfast.signal('SIGTERM');
  await sockets(holdfast, 0);
  t.false(long.over);
  t.is(await long.answer(), 'held');
});

test('what a worker had that TTOU takes away is served by those who stay, while it still drains', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['--reuse-port', '-w', '2', ...HELD_LONG] });
  const second = holdfast.workers()[1]?.pid ?? 0;
  const long = await holdAtEach(holdfast, [second]);
  holdfast.signal('SIGTTOU');
  await holdfast.event('drain.start', ({ pid }) => pid === second);
  for (let asked = 0; asked < 40; asked += 1) t.not((await ask(holdfast.target)).headers['x-worker'], String(second));
  t.true(long.every(({ over }) => !over));
  for (const each of long) t.is(await each.answer(), 'held');
});

test('TTOU takes nobody away while those who stay do not accept, and TTIN has them stay', async (t) => {
  const mood = join(tempDir(t), 'mood');
  const holdfast = await startHoldfast(t, { app: fixture('moody.mjs'), args: ['--reuse-port', '-w', '2'], env: { MOOD: mood } });
  const [first = 0, second = 0] = holdfast.workers().map(({ pid }) => pid);
  writeFileSync(mood, 'wait');
  process.kill(first, 'SIGKILL');
  await holdfast.event('worker.exit');
  for (const [signal, wanted] of [
    ['SIGTTOU', '1 worker'],
    ['SIGTTIN', '2 workers'],
    ['SIGTTOU', '1 worker'],
  ] as const) {
    const after = holdfast.log.length;
    holdfast.signal(signal);
    await holdfast.says(new RegExp(`^${wanted} wanted$`), undefined, { after });
    for (let asked = 0; asked < 20; asked += 1) t.is((await ask(holdfast.target)).headers['x-worker'], String(second));
  }
  t.is(holdfast.events('drain.start').length, 0);
  rmSync(mood);
  const { worker } = await holdfast.event('worker.exit', (line) => line['worker'] === second && line['code'] === 0);
  t.is(worker, second);
  const [only, ...others] = holdfast.workers();
  t.deepEqual([only?.slot, others], [1, []]);
  t.is((await ask(holdfast.target)).headers['x-worker'], String(only?.pid));
});

test(heavily(`${UPGRADES} upgrades with a socket for each worker grow nothing, and a roll-back leaves the same descriptors`), async (t) => {
  t.timeout(60_000 + UPGRADES * 30_000);
  const releases = new Releases(t);
  const args = ['--reuse-port', '-w', '2', '-b', '127.0.0.1:0', '-b', '[::1]:0', '--log-level', 'debug'];
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args, allowErrors: [/upgrade\.rollback/] });
  const count = () => ({ master: descriptors(holdfast.pid()).kinds, workers: holdfast.workers().map(({ pid }) => descriptors(pid).kinds) });
  const { master, worker } = await dueDescriptors(t, { workers: 2, listeners: 4, copied: 2 });
  const due = { master, workers: [worker, worker] };
  t.deepEqual(await steady(count), due, 'the first generation');
  for (let generation = 2; generation <= UPGRADES + 1; generation += 1) {
    const old = holdfast.pid();
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    await drained(holdfast, 2);
    await caughtUp(holdfast, [old]);
    t.deepEqual(await steady(count), due);
  }
  const lists = () => [holdfast.pid(), ...holdfast.workers().map(({ pid }) => pid)].map((pid) => descriptors(pid).list);
  const before = lists();
  releases.point(releases.addBad('throws'));
  t.is((await holdfast.upgrade()).event, 'upgrade.rollback');
  t.deepEqual(lists(), before);
});

test('a second instance is refused, as without it', async (t) => {
  const first = await startHoldfast(t, { args: ['--reuse-port', '-w', '2'] });
  const args = ['--reuse-port', '-b', `127.0.0.1:${first.port}`];
  const second = await startHoldfast(t, { args, untilReady: false, allowErrors: true });
  t.is((await second.exit).status, 1);
  t.regex(second.stderr, new RegExp(`^holdfast: cannot bind 127.0.0.1:${first.port}: in use by holdfast \\(pid ${first.pid()}\\)\n$`));
  t.is(listeningSockets(first.port), 2);
});

test('between a generation without it and one with it nothing is lost, either way', async (t) => {
  const { holdfast, next } = await startScaled(t, '--keep-alive 2 -w 2');
  const load = await startLoad(t, {
    target: holdfast.target,
    mix: { short: 4, hot: 2, keepAlive: 4, slow: 2, halfHead: 2 },
    keepAliveTimeoutMs: BRIEF,
  });
  await load.warm(2);
  for (const [args, count] of [
    ['--reuse-port -w 3', 1],
    ['--reuse-port -w 3', 3],
    ['-w 2', 3],
    ['--reuse-port -w 4', 4],
  ] as const) {
    next.write(`--keep-alive 2 ${args}`);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    await load.mark();
    await load.answeredAtLeast(200);
    await drained(holdfast, Number(args.at(-1)));
    await sockets(holdfast, count);
  }
  const said = (pattern: RegExp) => holdfast.log.filter(({ msg }) => pattern.test(String(msg))).map(({ gen }) => gen);
  t.deepEqual(said(/was bound without --reuse-port: the workers share its socket until the next upgrade$/), [2]);
  t.deepEqual(said(/has 3 sockets of a generation with --reuse-port: all workers share them$/), [4]);
  assertLossless(t, await load.stop());
});

const expected = [/the candidate gives up/, /upgrade\.rollback/, /died/];

/** Two workers, and four in the next generation; under load, of which nothing may fail. */
async function growing(t: ExecutionContext, act: (holdfast: Holdfast, releases: Releases, next: Launcher) => Promise<void>): Promise<void> {
  const releases = new Releases(t, 2);
  const { holdfast, next } = await startScaled(t, '--keep-alive 2 --reuse-port -w 2', {
    args: HELD_LONG,
    app: releases.app,
    cwd: releases.current,
    allowErrors: expected,
  });
  const load = await startLoad(t, {
    target: holdfast.target,
    mix: { short: 6, keepAlive: 4, slow: 2 },
    keepAliveTimeoutMs: BRIEF,
    shortPerSecond: 500,
  });
  await load.warm(2);
  next.write('--keep-alive 2 --reuse-port -w 4');
  await act(holdfast, releases, next);
  await load.mark();
  await load.answeredAtLeast(200);
  assertLossless(t, await load.stop());
}

test('a candidate with more workers that is killed before the commit, or after it, leaves the sockets as they were', async (t) => {
  await growing(t, async (holdfast, releases) => {
    for (const hold of [holdReady, holdCommitted]) {
      const workers = holdfast.workers();
      const { candidate, incumbent } = await hold(t, holdfast, releases, 4);
      t.is(listeningSockets(holdfast.port), 2);
      const after = holdfast.log.length;
      process.kill(candidate, 'SIGKILL');
      thaw(incumbent);
      await holdfast.event('upgrade.rollback', undefined, { after });
      await drained(holdfast, 2);
      t.deepEqual(holdfast.workers(), workers);
      t.is(listeningSockets(holdfast.port), 2);
    }
  });
});

test('an incumbent that is killed is succeeded by a candidate with more workers, which then has a socket for each', async (t) => {
  await growing(t, async (holdfast, releases) => {
    const { candidate, incumbent, slow } = await holdLoading(holdfast, releases, 4);
    process.kill(incumbent, 'SIGKILL');
    slow.open();
    await holdfast.event('master.ready', (line) => line.pid === candidate);
    await drained(holdfast, 4);
    await sockets(holdfast, 4);
  });
});

test('a new incumbent with more workers that is killed while the retiree drains takes no connection along', async (t) => {
  await growing(t, async (holdfast, releases) => {
    const retiree = holdfast.pid();
    const long = await holdRequest(holdfast);
    releases.point(2);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    t.is(listeningSockets(holdfast.port), 2, 'the new ones wait until nobody can return without them');
    process.kill(holdfast.pid(), 'SIGKILL');
    await waitFor(() => holdfast.pid() === retiree, 20_000, 'the retiree in the pidfile');
    t.is(await long.answer(), 'held');
    await drained(holdfast, 2);
    t.is((await ask(holdfast.target)).headers['x-release'], '1');
    t.is(listeningSockets(holdfast.port), 2);
    t.false(existsSync(`${holdfast.pidfile}.oldbin`));
  });
});

test('a candidate beside its incumbent accepts on nothing that the incumbent does not accept on, and takes nothing along', async (t) => {
  await growing(t, async (holdfast, _releases, next) => {
    const long = await holdRequest(holdfast);
    next.write('--keep-alive 2 --reuse-port -w 4 --upgrade manual');
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    const after = holdfast.log.length;
    holdfast.signal('SIGUSR2');
    const { candidate } = await holdfast.event('upgrade.ready', (line) => line['candidate'] !== undefined, { after });
    t.is(listeningSockets(holdfast.port), 2);
    t.false(long.over);
    process.kill(Number(candidate), 'SIGTERM');
    await holdfast.event('upgrade.rollback', undefined, { after });
    t.is(await long.answer(), 'held');
    await drained(holdfast, 4);
    await sockets(holdfast, 4);
    for (let asked = 0; asked < 40; asked += 1) t.is((await ask(holdfast.target, '/', 20_000)).status, 200);
  });
});

test('a retiree that is killed while it drains lets the new sockets listen', async (t) => {
  await growing(t, async (holdfast) => {
    const retiree = holdfast.pid();
    const long = await holdRequest(holdfast);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    t.is(listeningSockets(holdfast.port), 2);
    process.kill(retiree, 'SIGKILL');
    await sockets(holdfast, 4);
    t.is(await long.answer(), 'held');
  });
});
