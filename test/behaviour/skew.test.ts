// The release before this one and this one upgrade to each other, under load and when somebody dies. What no release may change stands in skew-future.test.ts.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ask } from '../support/ask.js';
import { caughtUp } from '../support/caught-up.js';
import { descriptors } from '../support/descriptors.js';
import { HELD_LONG, holdRequest } from '../support/held-request.js';
import { holdLoading } from '../support/held-upgrade.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { everyKind, startLoad } from '../support/load/index.js';
import { assertLossless, summary } from '../support/load/lossless.js';
import { TwoReleases, tellsHoldfast, type Which } from '../support/previous-release.js';
import { probeRefused } from '../support/probe-refused.js';
import { Releases } from '../support/releases.js';
import { openTerminal } from '../support/terminal.js';
import { waitFor } from '../support/wait.js';

const pairs = [
  ['previous', 'this'],
  ['this', 'previous'],
] as const satisfies [Which, Which][];

interface Started {
  readonly holdfast: Holdfast;
  readonly apps: Releases;
  readonly both: TwoReleases;
}

/** Two workers of `first`, on a port and a unix socket. */
async function start(t: ExecutionContext, first: Which, allowErrors: readonly RegExp[] = []): Promise<Started> {
  const both = new TwoReleases(t, first);
  const apps = new Releases(t, 0);
  apps.add(tellsHoldfast);
  const args = ['-w', '2', ...HELD_LONG, '--log-level', 'debug', '-b', '127.0.0.1:0', '-b', `unix:${join(apps.root, 'shop.sock')}`];
  const { app, current: cwd } = apps;
  return { holdfast: await startHoldfast(t, { command: both.command, app, cwd, args, allowErrors, stopMs: 40_000 }), apps, both };
}

/** Who answers, with the old workers gone. */
async function answering(holdfast: Holdfast): Promise<unknown> {
  await waitFor(() => holdfast.processes().length === 3, 40_000, 'one generation alone');
  return (await ask(holdfast.target)).headers['x-holdfast'];
}

test('from the previous release to this one and back, twice over, nothing is lost and nothing grows', async (t) => {
  const { holdfast, apps, both } = await start(t, 'previous');
  t.is(await answering(holdfast), 'previous');
  const load = await startLoad(t, { target: holdfast.target, mix: everyKind, keepAliveTimeoutMs: 5_000 });
  await load.warm(2);
  const held: Record<Which, number[]> = { previous: [], this: [] };
  for (const which of ['this', 'previous', 'this', 'previous'] as const) {
    both.point(which);
    const old = holdfast.pid();
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    await load.mark();
    await load.answeredAtLeast(300);
    t.is(await answering(holdfast), which);
    t.is((await ask({ socketPath: join(apps.root, 'shop.sock') })).headers['x-holdfast'], which);
    await caughtUp(holdfast, [old]);
    held[which].push(descriptors(holdfast.pid()).count);
  }
  for (const counts of Object.values(held)) t.deepEqual(new Set(counts).size, 1, `descriptors: ${counts.join(', ')}`);
  const report = await load.stop();
  t.log(report.total, summary(report));
  assertLossless(t, report);
  await holdfast.stop();
  t.deepEqual(readdirSync(apps.root).sort(), ['current', 'releases']);
});

for (const [from, to] of pairs) {
  test(`a bad app that ${to === 'this' ? 'this' : 'the previous'} release was to take over leaves no trace`, async (t) => {
    const { holdfast, apps, both } = await start(t, from, [/upgrade\.rollback/]);
    const held = () => [holdfast.pid(), holdfast.workers(), descriptors(holdfast.pid()).count, readdirSync(holdfast.dir).sort()];
    const before = held();
    both.point(to);
    apps.point(apps.addBad('throws'));
    const { event, reason } = await holdfast.upgrade();
    t.is(event, 'upgrade.rollback');
    t.regex(String(reason), /this release throws at import/);
    t.deepEqual(held(), before);
    apps.point(1);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    t.is(await answering(holdfast), to);
  });

  test(`killed while the other loads, ${from} is succeeded by ${to}`, async (t) => {
    const { holdfast, apps, both } = await start(t, from);
    const probing = probeRefused(t, holdfast.target);
    both.point(to);
    const { slow, candidate, incumbent } = await holdLoading(holdfast, apps);
    process.kill(incumbent, 'SIGKILL');
    await waitFor(() => holdfast.pid() === candidate, 20_000, 'the candidate in the pidfile');
    slow.open();
    await holdfast.event('master.ready', (line) => line.pid === candidate);
    await waitFor(() => holdfast.workers(1).length === 0, 40_000, 'the old workers to drain');
    t.is((await probing.stop()).refused, 0);
    t.is((await ask(holdfast.target)).status, 200);
  });

  test(`${from} returns to duty when its successor, ${to}, is killed`, async (t) => {
    const { holdfast, both } = await start(t, from);
    const probing = probeRefused(t, holdfast.target);
    const retiree = holdfast.pid();
    const long = await holdRequest(holdfast);
    both.point(to);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    process.kill(holdfast.pid(), 'SIGKILL');
    await waitFor(() => holdfast.pid() === retiree, 20_000, 'the retiree in the pidfile');
    await waitFor(() => holdfast.workers(2).length === 0, 40_000, "the dead one's workers to drain");
    t.is(await long.answer(), 'held');
    t.is((await ask(holdfast.target)).headers['x-holdfast'], from);
    t.is((await probing.stop()).refused, 0);
    t.false(existsSync(`${holdfast.pidfile}.oldbin`));
  });

  test(`orders pass between a retiree, ${from}, and its successor, ${to}: USR2 up, TERM down`, async (t) => {
    const { holdfast, both } = await start(t, from);
    const retiree = holdfast.pid();
    const long = await holdRequest(holdfast);
    both.point(to);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    process.kill(retiree, 'SIGUSR2');
    t.is((await holdfast.event('upgrade.done', ({ gen }) => gen === 2)).gen, 2);
    t.is(holdfast.events('master.exit').length, 0, 'three generations live');
    const after = holdfast.log.length;
    const stopped = holdfast.stop();
    t.is((await holdfast.event('drain.start', ({ gen }) => gen === 3, { after })).gen, 3);
    t.is(await long.answer(), 'held');
    await stopped;
    t.deepEqual(
      holdfast.events('master.exit').map(({ gen }) => gen),
      [1, 2, 3],
      'the newest leaves last',
    );
  });

  test(`the keeper of ${from} follows to ${to}`, async (t) => {
    const both = new TwoReleases(t, from);
    const apps = new Releases(t);
    const pidfile = join(both.root, 'pid');
    const terminal = openTerminal(t, [process.execPath, both.command, '-b', '127.0.0.1:0', '-p', pidfile, apps.app], {
      cwd: apps.current,
    });
    await terminal.shows(/serving on/);
    const first = Number(readFileSync(pidfile, 'utf8'));
    both.point(to);
    process.kill(first, 'SIGUSR2');
    await waitFor(
      () => terminal.processes().filter(({ role, gen }) => role === 'master' && gen === 1).length === 0,
      20_000,
      'the first to leave',
    );
    terminal.type('\x03');
    t.is((await terminal.exit).status, 0);
    await waitFor(() => terminal.processes().length === 0, 20_000, 'everything to end');
    t.false(existsSync(pidfile));
  });
}
