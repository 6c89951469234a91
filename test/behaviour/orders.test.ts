// Orders that meet an upgrade, a reload, or a chain of generations.
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ask } from '../support/ask.js';
import { HELD_LONG, type HeldRequest, holdRequest } from '../support/held-request.js';
import { holdLoading } from '../support/held-upgrade.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import type { HoldfastOptions } from '../support/launch.js';
import { holdfastCommand } from '../support/paths.js';
import { descriptorLinks, isAlive } from '../support/proc.js';
import { Releases } from '../support/releases.js';
import { reopened } from '../support/reopened.js';
import { deliver } from '../support/signals.js';
import { addSlow } from '../support/slow-release.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

interface Stage {
  readonly holdfast: Holdfast;
  readonly releases: Releases;
}

async function start(t: ExecutionContext, options: HoldfastOptions = {}): Promise<Stage> {
  const releases = new Releases(t, 2);
  const { args = [], ...rest } = options;
  const holdfast = await startHoldfast(t, {
    app: releases.app,
    cwd: releases.current,
    args: ['-w', '2', ...HELD_LONG, ...args],
    ...rest,
  });
  return { holdfast, releases };
}

interface Behind {
  readonly retiree: number;
  readonly held: HeldRequest;
}

/** An upgrade, whose retiree stays for as long as a request is held. */
async function upgradeBehind(t: ExecutionContext, holdfast: Holdfast): Promise<Behind> {
  const retiree = holdfast.pid();
  const held = await holdRequest(holdfast);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  return { retiree, held };
}

/** When those before have stopped to accept, which they are told to before `reload.done`, and do a moment after it. */
async function answersAlone(holdfast: Holdfast, release: string): Promise<void> {
  await waitFor(() => holdfast.workers().length === 2, 20_000, 'two workers alone');
  const { headers } = await ask(holdfast.target);
  if (headers['x-release'] !== release) throw new Error(`an answer of release ${headers['x-release']}`);
}

const refusals = (holdfast: Holdfast, why: RegExp) => holdfast.log.filter(({ msg }) => /^refused: /.test(msg ?? '') && why.test(msg ?? ''));

test('USR2 during a reload waits for it, and a second one is refused', async (t) => {
  const { holdfast, releases } = await start(t);
  const slow = addSlow(releases);
  releases.point(slow.release);
  await holdfast.signalAndWait('SIGHUP', 'reload.start');
  await deliver(holdfast.pid(), 'SIGUSR2');
  await deliver(holdfast.pid(), 'SIGUSR2');
  await waitFor(() => refusals(holdfast, /an upgrade is under way/).length === 1, 20_000, 'the refusal of the second one');
  t.is(holdfast.events('upgrade.start').length, 0);
  slow.open();
  const reloaded = await holdfast.event('reload.done');
  const started = await holdfast.event('upgrade.start');
  t.true(holdfast.log.indexOf(reloaded) < holdfast.log.indexOf(started));
  t.is((await holdfast.event('upgrade.done')).event, 'upgrade.done');
});

test('USR2 during a reload that fails is followed all the same', async (t) => {
  const { holdfast, releases } = await start(t, { allowErrors: [/reload\.failed/] });
  const slow = addSlow(releases, 'throw new Error("not this one");');
  releases.point(slow.release);
  holdfast.signal('SIGHUP');
  await waitFor(() => holdfast.workers().length === 4, 20_000, 'the workers that load');
  holdfast.signal('SIGUSR2');
  releases.point(2);
  slow.open();
  await holdfast.event('reload.failed');
  await holdfast.event('upgrade.done');
  await waitFor(async () => (await ask(holdfast.target)).headers['x-release'] === '2', 20_000, 'an answer of release 2');
  t.pass();
});

test('a reload whose workers load and never accept fails at the end of --boot-timeout, and USR2 is followed then', async (t) => {
  const { holdfast, releases } = await start(t, {
    // It holds for each boot here, and they need theirs on a busy machine.
    args: ['--boot-timeout', '10', '--graceful-timeout', '1'],
    allowErrors: [/reload\.failed/],
  });
  releases.point(
    releases.add(`
      import { createServer } from 'node:http';
      const server = createServer();
      server.listen = () => server;
      export default server;
    `),
  );
  const after = holdfast.log.length;
  holdfast.signal('SIGHUP');
  await holdfast.event('worker.ready', undefined, { after });
  releases.point(2);
  holdfast.signal('SIGUSR2');
  t.regex(String((await holdfast.event('reload.failed')).reason), /^worker \d did not accept within 10 s \(--boot-timeout\)$/);
  await holdfast.event('upgrade.done');
});

test('TTIN to a master that was told to stop in mid-reload starts nobody', async (t) => {
  const { holdfast, releases } = await start(t);
  const held = await holdRequest(holdfast);
  releases.point(addSlow(releases).release);
  const master = holdfast.signal('SIGHUP');
  await waitFor(() => holdfast.workers().length === 4, 20_000, 'those that the reload starts');
  holdfast.signal('SIGTERM');
  await waitFor(() => holdfast.workers().length === 1, 20_000, 'the one alone that has a request');
  const after = holdfast.log.length;
  await deliver(master, 'SIGTTIN');
  process.kill(master, 'SIGTTOU');
  await holdfast.says(/^2 workers wanted$/, undefined, { after });
  t.deepEqual(
    holdfast.log.slice(after).filter(({ event }) => event === 'worker.spawn' || event === 'reload.failed'),
    [],
  );
  t.is(await held.answer(), 'held');
  await holdfast.gone();
});

test('HUP while the first workers load is followed when they serve', async (t) => {
  const releases = new Releases(t, 2);
  const slow = addSlow(releases);
  releases.point(slow.release);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, args: ['-w', '2'], untilReady: false });
  await waitFor(() => existsSync(holdfast.pidfile ?? '') && holdfast.workers().length === 2, 20_000, 'workers that load');
  releases.point(2);
  await deliver(holdfast.pid(), 'SIGHUP');
  slow.open();
  const ready = await holdfast.event('master.ready');
  await holdfast.event('reload.done', undefined, { after: ready });
  t.is(holdfast.events('reload.start').length, 1);
  await answersAlone(holdfast, '2');
});

test('a link that is moved while the candidate starts still leads every later release to where it points', async (t) => {
  const releases = new Releases(t, 4);
  for (const release of [1, 3, 4]) releases.bring(release, []);
  // Nobody has asked yet where the working directory is.
  const move = `
    import { renameSync, symlinkSync } from 'node:fs';
    symlinkSync('releases/3', ${JSON.stringify(`${releases.current}.moved`)});
    renameSync(${JSON.stringify(`${releases.current}.moved`)}, ${JSON.stringify(releases.current)});
    await import(${JSON.stringify(holdfastCommand)});
  `;
  writeFileSync(releases.startOf(2), move);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, command: releases.start, args: ['-w', '2'] });
  releases.point(2);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  await answersAlone(holdfast, '3');
  releases.point(1);
  t.is((await holdfast.reload()).event, 'reload.done');
  await answersAlone(holdfast, '1');
  releases.point(4);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  await answersAlone(holdfast, '4');
});

test('HUP during an upgrade that is committed goes to the new master', async (t) => {
  const { holdfast, releases } = await start(t);
  const { candidate, slow } = await holdLoading(holdfast, releases);
  holdfast.signal('SIGHUP');
  // In order: what comes after it was taken after it.
  holdfast.signal('SIGUSR2');
  await waitFor(() => refusals(holdfast, /an upgrade is under way/).length === 1, 20_000, 'the refusal of what came after it');
  t.is(holdfast.events('reload.start').length, 0);
  slow.open();
  const done = await holdfast.event('upgrade.done');
  const reload = await holdfast.event('reload.start');
  t.is(reload.pid, candidate);
  t.true(holdfast.log.indexOf(done) < holdfast.log.length);
  t.is((await holdfast.event('reload.done')).pid, candidate);
  t.is(holdfast.events('reload.start').length, 1, 'once, and by nobody else');
});

test('HUP during an upgrade that is rolled back goes to the old master', async (t) => {
  const { holdfast, releases } = await start(t, { allowErrors: [/upgrade\.rollback/] });
  const { candidate, incumbent } = await holdLoading(holdfast, releases);
  process.kill(incumbent, 'SIGHUP');
  process.kill(candidate, 'SIGKILL');
  releases.point(2);
  const verdict = await holdfast.event('upgrade.rollback');
  t.is((await holdfast.event('reload.start', undefined, { after: verdict })).pid, incumbent);
  await holdfast.event('reload.done');
  await answersAlone(holdfast, '2');
});

test('USR2, WINCH and HUP to a candidate change nothing, and TERM to it is a roll-back', async (t) => {
  const { holdfast, releases } = await start(t, { allowErrors: [/upgrade\.rollback/] });
  const workers = holdfast.workers();
  const { candidate, incumbent } = await holdLoading(holdfast, releases);
  for (const signal of ['SIGHUP', 'SIGUSR2', 'SIGWINCH'] as const) await deliver(candidate, signal);
  const refused = () => refusals(holdfast, /this master is not in charge yet/);
  await waitFor(() => refused().length === 2, 20_000, 'two refusals');
  t.true(refused().every(({ pid, gen }) => pid === candidate && gen === 2));
  t.is(holdfast.workers(2).length, 2, 'its workers go on loading');
  process.kill(candidate, 'SIGTERM');
  t.regex(String((await holdfast.event('upgrade.rollback')).reason), /was told to stop/);
  t.is(holdfast.pid(), incumbent);
  t.deepEqual(holdfast.workers(), workers);
  t.is(holdfast.events('reload.start').length, 0);
});

test('TTIN, TTOU and WINCH during an upgrade act on the generation that got them', async (t) => {
  const { holdfast, releases } = await start(t);
  const { candidate, incumbent, slow } = await holdLoading(holdfast, releases);
  const count = (gen: number, wanted: number) =>
    waitFor(() => holdfast.workers(gen).length === wanted, 20_000, `${wanted} workers of generation ${gen}`);
  process.kill(incumbent, 'SIGTTIN');
  await count(1, 3);
  t.is(holdfast.workers(2).length, 2);
  await deliver(incumbent, 'SIGTTOU');
  await deliver(incumbent, 'SIGTTOU');
  await count(1, 1);
  process.kill(candidate, 'SIGTTIN');
  await count(2, 3);
  process.kill(incumbent, 'SIGWINCH');
  await count(1, 0);
  t.is(holdfast.workers(2).length, 3);
  const waiting = ask(holdfast.target);
  slow.open();
  await holdfast.event('upgrade.done');
  t.is((await waiting).headers['x-release'], String(slow.release), 'whoever came meanwhile was queued');
  t.is(holdfast.workers().length, 3);
});

test('after WINCH and a roll-back there are no workers, until HUP brings them back', async (t) => {
  const { holdfast, releases } = await start(t, { allowErrors: [/upgrade\.rollback/] });
  const { candidate, incumbent } = await holdLoading(holdfast, releases);
  process.kill(incumbent, 'SIGWINCH');
  await waitFor(() => holdfast.workers(1).length === 0, 20_000, 'the workers to leave');
  process.kill(candidate, 'SIGKILL');
  await holdfast.event('upgrade.rollback');
  t.is(holdfast.processes().length, 1);
  const waiting = ask(holdfast.target);
  releases.point(2);
  await holdfast.reload();
  t.is((await waiting).headers['x-release'], '2');
});

test('USR1 reaches candidate and retiree, and all their workers', async (t) => {
  const log = join(tempDir(t), 'shop.log');
  const { holdfast, releases } = await start(t, { logFile: log });
  const { retiree, held } = await upgradeBehind(t, holdfast);
  const { candidate, incumbent, slow } = await holdLoading(holdfast, releases);
  const writing = (name: string) =>
    holdfast
      .processes()
      .filter(({ pid }) => descriptorLinks(pid).some(({ target }) => target === name))
      .map(({ pid }) => pid);
  const before = writing(log);
  for (const [pid, who] of [
    [retiree, 'retiree'],
    [incumbent, 'incumbent'],
    [candidate, 'candidate'],
  ] as const)
    t.true(before.includes(pid), who);
  t.true(holdfast.workers(1).length > 0);
  renameSync(log, `${log}.1`);
  process.kill(incumbent, 'SIGUSR1');
  await reopened(holdfast, log, `${log}.1`);
  t.true(isAlive(retiree));
  slow.open();
  await waitFor(() => holdfast.pid() === candidate, 20_000, 'the third generation');
  t.is(await held.answer(), 'held');
});

test('a stop travels down a chain of retirees, and the incumbent leaves last', async (t) => {
  const { holdfast } = await start(t);
  const first = await upgradeBehind(t, holdfast);
  const second = await upgradeBehind(t, holdfast);
  const incumbent = holdfast.signal('SIGTERM');
  await holdfast.says(/^stopping: /, ({ pid }) => pid === first.retiree);
  t.is(await first.held.answer(), 'held');
  t.is(await second.held.answer(), 'held');
  await holdfast.gone();
  t.deepEqual(
    holdfast.events('master.exit').map(({ pid, status }) => ({ pid, status })),
    [first.retiree, second.retiree, incumbent].map((pid) => ({ pid, status: 0 })),
  );
  t.deepEqual(holdfast.strayFiles(), []);
});

test('a quick stop travels down it too, and nobody waits for a drain', async (t) => {
  const { holdfast } = await start(t);
  const first = await upgradeBehind(t, holdfast);
  const second = await upgradeBehind(t, holdfast);
  holdfast.signal('SIGINT');
  await holdfast.gone();
  t.is(await first.held.outcome, 'cut');
  t.is(await second.held.outcome, 'cut');
  t.deepEqual(holdfast.strayFiles(), []);
});

test('HUP to a retiree is passed on to its successor', async (t) => {
  const { holdfast, releases } = await start(t);
  const { retiree, held } = await upgradeBehind(t, holdfast);
  releases.point(2);
  process.kill(retiree, 'SIGHUP');
  t.is((await holdfast.event('reload.done')).pid, holdfast.pid());
  await waitFor(async () => (await ask(holdfast.target)).headers['x-release'] === '2', 20_000, 'an answer of release 2');
  t.is(await held.answer(), 'held');
});
