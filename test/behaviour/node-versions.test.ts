// Another Node under a running master: moved links, and what one version knows and another does not. Skipped without `npm run test:versions`.
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { ask } from '../support/ask.js';
import { caughtUp } from '../support/caught-up.js';
import { descriptors } from '../support/descriptors.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { everyKind, startLoad } from '../support/load/index.js';
import { assertLossless, summary } from '../support/load/lossless.js';
import { CurrentNode, nodeOf, nodes, versionOf } from '../support/nodes.js';
import { Releases } from '../support/releases.js';
import { reopened } from '../support/reopened.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

const tested = (title: string, body: (t: ExecutionContext) => Promise<void>) =>
  nodes.length > 0 ? test(title, body) : test.skip(`${title} (npm run test:versions)`, body);
const oldest = nodes[0] ?? '';
const newest = nodes.at(-1) ?? '';
const names = new Map(nodes.map((node) => [node, versionOf(node)]));
const nameOf = (node: string) => names.get(node) ?? node;
/** For a title: a test that is skipped has one, too. */
const all = nodes.length > 0 ? nodes.map(nameOf).join(' to ') : 'the oldest to the newest';
/** --disable-sigusr1 is there from 22.14 on, NODE_COMPILE_CACHE from 22.1 on. */
const isLater = (node: string) => !nameOf(node).startsWith('20.');

async function upgradeTo(t: ExecutionContext, holdfast: Holdfast, current: CurrentNode, node: string): Promise<void> {
  current.point(node);
  const { event, gen } = await holdfast.upgrade();
  t.is(event, 'upgrade.done', nameOf(node));
  t.is(nodeOf(holdfast.pid()), node);
  for (const { pid } of holdfast.workers(Number(gen) + 1)) t.is(nodeOf(pid), node);
}

for (const how of ['PATH', 'an absolute path'] as const) {
  tested(`from Node ${all}, back at once, there and back again, found through ${how}, under load`, async (t) => {
    const current = new CurrentNode(t, oldest);
    const node = how === 'PATH' ? 'node' : join(current.link, 'node');
    const holdfast = await startHoldfast(t, { node, env: { PATH: current.path }, args: ['-w', '2'], stopMs: 40_000 });
    t.is(nodeOf(holdfast.pid()), oldest);
    const load = await startLoad(t, { target: holdfast.target, mix: everyKind, keepAliveTimeoutMs: 5_000 });
    await load.warm(5);
    for (const next of [...nodes.slice(1), oldest, newest, oldest]) {
      await upgradeTo(t, holdfast, current, next);
      await load.mark();
      await load.answeredAtLeast(300);
    }
    const report = await load.stop();
    t.log(report.total, summary(report));
    assertLossless(t, report);
  });
}

tested('each Node hands over to each other under load, a bad app in between, loses nothing and grows nothing', async (t) => {
  t.timeout(300_000);
  const releases = new Releases(t, 2);
  const current = new CurrentNode(t, oldest);
  const { app, current: cwd } = releases;
  const holdfast = await startHoldfast(t, {
    node: 'node',
    app,
    cwd,
    env: { PATH: current.path },
    args: ['-w', '1', '--log-level', 'debug'],
    allowErrors: [/rollback/],
  });
  const bad = releases.addBad('throws');
  const load = await startLoad(t, { target: holdfast.target, mix: { short: 2, keepAlive: 4, slow: 1 }, keepAliveTimeoutMs: 5_000 });
  await load.warm(3);
  const held = new Map<string, Set<number>>();
  for (const from of nodes) {
    for (const to of nodes.filter((node) => node !== from)) {
      await upgradeTo(t, holdfast, current, from);
      current.point(to);
      releases.point(bad);
      t.is((await holdfast.upgrade()).event, 'upgrade.rollback');
      t.is(nodeOf(holdfast.pid()), from);
      releases.point(1);
      const old = holdfast.pid();
      await upgradeTo(t, holdfast, current, to);
      await waitFor(() => holdfast.processes().length === 2, 20_000, 'one generation alone');
      await caughtUp(holdfast, [old]);
      held.set(to, (held.get(to) ?? new Set()).add(descriptors(holdfast.pid()).count));
    }
  }
  const report = await load.stop();
  t.log(report.total, summary(report));
  assertLossless(t, report);
  for (const [node, counts] of held) t.is(counts.size, 1, `descriptors under ${node}: ${[...counts].join(', ')}`);
});

tested('an option that the next Node does not know is a roll-back with its own words', async (t) => {
  const current = new CurrentNode(t, newest);
  const env = { PATH: current.path, NODE_OPTIONS: '--disable-sigusr1' };
  const holdfast = await startHoldfast(t, { node: 'node', env, allowErrors: [/upgrade\.rollback/] });
  current.point(oldest);
  const { event, msg } = await holdfast.upgrade();
  t.is(event, 'upgrade.rollback');
  t.regex(String(msg), /--disable-sigusr1 is not allowed in NODE_OPTIONS/);
  await upgradeTo(t, holdfast, current, newest);
});

for (const node of nodes) {
  for (const env of [{}, ...(isLater(node) ? [{ NODE_OPTIONS: '--disable-sigusr1' }] : [])]) {
    tested(`USR1 reopens logs under Node ${nameOf(node)}, with ${JSON.stringify(env)}, and starts no inspector`, async (t) => {
      const file = join(tempDir(t), 'shop.log');
      const args = ['-w', '2', '--log-file', file];
      const holdfast = await startHoldfast(t, { node: join(node, 'node'), env, args, untilReady: false });
      const sockets = () => [holdfast.pid(), ...holdfast.workers().map(({ pid }) => pid)].map((pid) => descriptors(pid).kinds.socket);
      await waitFor(() => existsSync(file) && /master\.ready/.test(readFileSync(file, 'utf8')), 20_000, 'master.ready');
      const before = sockets();
      renameSync(file, `${file}.1`);
      holdfast.signal('SIGUSR1');
      for (const { pid } of holdfast.workers()) process.kill(pid, 'SIGUSR1');
      await reopened(holdfast, file, `${file}.1`);
      const { status } = await askLogged(file);
      t.is(status, 200);
      // The worker may close its end of that connection a moment after ours.
      await waitFor(
        () => isDeepStrictEqual(sockets(), before),
        20_000,
        () => `${before} sockets; there are ${sockets()}`,
      );
      holdfast.signal('SIGTERM');
      await holdfast.gone();
      t.regex(readFileSync(file, 'utf8'), /"role":"worker".*"event":"drain\.end"/);
    });
  }

  tested(`Node ${nameOf(node)} is quiet with a compile cache and options of the operator's`, async (t) => {
    const cache = join(tempDir(t), 'cache');
    const env = { NODE_COMPILE_CACHE: cache, NODE_OPTIONS: '--max-old-space-size=300 --trace-deprecation --trace-warnings' };
    const app = new Releases(t, 0);
    app.add(`import { getHeapStatistics } from 'node:v8';
      export default (req, res) => res.end(String(Math.round(getHeapStatistics().heap_size_limit / 2 ** 20)));`);
    const holdfast = await startHoldfast(t, { node: join(node, 'node'), env, app: app.app, cwd: app.current });
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    t.is((await holdfast.reload()).event, 'reload.done');
    const limit = Number((await ask(holdfast.target)).body);
    t.true(limit >= 300 && limit < 600, `${limit} MB`);
    t.is(existsSync(cache) && readdirSync(cache).length > 0, isLater(node));
    t.is(holdfast.stderr, '');
  });
}

/** GET from whatever the first lines of a log file that was moved away say. */
async function askLogged(file: string): Promise<{ readonly status: number }> {
  const [, port] = /"address":"127\.0\.0\.1:(\d+)"/.exec(readFileSync(`${file}.1`, 'utf8')) ?? [];
  return ask({ host: '127.0.0.1', port: Number(port) });
}
