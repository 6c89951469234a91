// The keeper as process 1 of a container, and with --keep-pid under a parent that watches its pid (this test): it stays, whoever is in charge.

import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ask } from '../support/ask.js';
import { listeningOn } from '../support/descriptors.js';
import { heavily, rounds } from '../support/heavy.js';
import { HELD_LONG, holdRequest } from '../support/held-request.js';
import { holdLoading } from '../support/held-upgrade.js';
import { type Exit, type Holdfast, type HoldfastOptions, startHoldfast } from '../support/holdfast.js';
import { startLoad } from '../support/load/index.js';
import { assertLossless } from '../support/load/lossless.js';
import type { LoadOptions, Report } from '../support/load/report.js';
import { fixture } from '../support/paths.js';
import { canBeProcessOne, innerPid, runInside } from '../support/pid-namespace.js';
import { isAlive, ofProcess, pids, stat, waitGone, zombiesBelow } from '../support/proc.js';
import { Releases } from '../support/releases.js';
import { freeze } from '../support/signals.js';
import { addSlow } from '../support/slow-release.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

const MIX: LoadOptions['mix'] = { short: 2, hot: 4, keepAlive: 4, idle: 2, slow: 2, upload: 2, stream: 1 };
/** Milliseconds. */
const KEEP_ALIVE = 2_000;
const UPGRADES = rounds(4, 10);
const canBeOne = canBeProcessOne();

const MODES = [
  { mode: 'process 1', run: canBeOne ? test : test.skip, processOne: true, keepPid: [] },
  { mode: '--keep-pid', run: test, processOne: false, keepPid: ['--keep-pid'] },
] as const;

for (const { mode, run, processOne, keepPid } of MODES) {
  const start = (t: ExecutionContext, { args = [], ...options }: HoldfastOptions = {}) =>
    startHoldfast(t, {
      ...options,
      processOne,
      args: ['-w', '2', '--keep-alive', String(KEEP_ALIVE / 1000), ...HELD_LONG, ...keepPid, ...args],
      stopMs: 40_000,
    });

  run(heavily(`${mode}: ${UPGRADES} upgrades under load lose nothing, the pid stays, and TERM ends it all with status 0`), async (t) => {
    const holdfast = await start(t);
    const keeper = stat(holdfast.keeper());
    const load = await startLoad(t, { target: holdfast.target, mix: MIX, keepAliveTimeoutMs: KEEP_ALIVE });
    await load.warm(2);
    for (let upgrade = 1; upgrade <= UPGRADES; upgrade += 1) {
      const after = holdfast.log.length;
      // To the watched pid, as `docker kill -s USR2` does, and to the one in the pidfile.
      process.kill(upgrade % 2 === 0 ? holdfast.keeper() : holdfast.pid(), 'SIGUSR2');
      t.is((await holdfast.event(['upgrade.done', 'upgrade.rollback'], undefined, { after })).event, 'upgrade.done');
      t.is(stat(holdfast.pid())?.ppid, keeper?.pid, 'the new master is below the watched pid');
      await load.mark();
      await load.answeredAtLeast(200);
    }
    assertLossless(t, await load.stop());
    t.deepEqual(identity(holdfast), { pid: keeper?.pid, startTime: keeper?.startTime });
    await leavesNothing(t, holdfast);
  });

  run(`${mode}: a bad release, and the death of each party under load, cost nothing but what a killed worker served`, async (t) => {
    const releases = new Releases(t, 2);
    const holdfast = await start(t, {
      app: releases.app,
      cwd: releases.current,
      allowErrors: [/upgrade\.rollback/, /died/],
    });
    const { pid: keeper } = identity(holdfast);
    const load = await startLoad(t, { target: holdfast.target, mix: MIX, keepAliveTimeoutMs: KEEP_ALIVE });
    await load.warm(2);

    releases.point(releases.addBad('throws'));
    t.is((await holdfast.upgrade()).event, 'upgrade.rollback');

    const { candidate } = await holdLoading(holdfast, releases);
    const after = holdfast.log.length;
    process.kill(candidate, 'SIGKILL');
    await holdfast.event('upgrade.rollback', undefined, { after });

    const promotion = await holdLoading(holdfast, releases);
    process.kill(promotion.incumbent, 'SIGKILL');
    promotion.slow.open();
    await waitFor(() => ofProcess(() => holdfast.pid()) === promotion.candidate, 20_000, 'the candidate in the pidfile');
    await waitFor(() => holdfast.workers(1).length === 0, 40_000, 'the old workers to drain');
    await goesOn(t, holdfast, load);

    releases.point(2);
    const retiree = holdfast.pid();
    const long = await holdRequest(holdfast);
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    process.kill(retiree, 'SIGKILL');
    t.is(await long.answer(), 'held');
    await waitFor(() => holdfast.workers().length === 2, 40_000, "the retiree's workers to leave");
    await goesOn(t, holdfast, load);
    t.is((await load.report()).failed, 0);

    const [worker] = holdfast.workers();
    process.kill(worker?.pid ?? 0, 'SIGKILL');
    await waitGone(worker?.pid ?? 0, 20_000);
    await waitFor(() => holdfast.workers().length === 2, 20_000, 'another worker');
    await goesOn(t, holdfast, load);
    onlyCut(t, await load.stop());
    t.is(identity(holdfast).pid, keeper);
    await leavesNothing(t, holdfast);
  });

  run(`${mode}: what an app leaves behind falls to the keeper, and is no zombie when it ends`, async (t) => {
    const holdfast = await start(t, { app: fixture('orphans.mjs') });
    const orphans: number[] = [];
    for (let one = 0; one < 20; one += 1) {
      const inner = Number((await ask(holdfast.target, '/orphan')).body);
      orphans.push(processOne ? holdfast.fromInside(inner) : inner);
    }
    const keeper = holdfast.keeper();
    await waitFor(() => orphans.every((pid) => stat(pid)?.ppid === keeper), 20_000, 'all to be orphans');
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    for (const pid of orphans.slice(1)) process.kill(pid, 'SIGKILL');
    await waitFor(() => orphans.slice(1).every((pid) => stat(pid) === undefined), 20_000, 'all to be reaped');
    t.true(isAlive(orphans[0] ?? 0), 'what still runs is left alone');
    process.kill(keeper, 'SIGTERM');
    t.is((await holdfast.exit).status, 0);
    if (processOne) await waitGone(orphans[0] ?? 0, 20_000);
    else process.kill(orphans[0] ?? 0, 'SIGKILL');
    await holdfast.gone();
  });

  run(`${mode}: each of the nine signals reaches the master in charge, also after an upgrade`, async (t) => {
    const holdfast = await start(t, { args: ['--log-level', 'debug'] });
    await holdfast.upgrade();
    for (const signal of ['SIGUSR1', 'SIGTTIN', 'SIGTTOU', 'SIGWINCH'] as const) await got(holdfast, signal);
    t.is((await drainedAndReloaded(holdfast)).gen, 2, 'WINCH is an order where there is no terminal, HUP one to reload');
    const after = holdfast.log.length;
    await got(holdfast, 'SIGUSR2');
    t.is((await holdfast.event('upgrade.done', undefined, { after })).gen, 2);
    await got(holdfast, 'SIGTERM');
    t.is((await end(holdfast)).status, 0);
    for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
      const another = await start(t, { args: ['--log-level', 'debug'] });
      await got(another, signal);
      t.is((await end(another)).status, 0);
    }
  });

  run(`${mode}: TERM while the app loads ends it with status 0`, async (t) => {
    const releases = new Releases(t);
    releases.point(addSlow(releases).release);
    const holdfast = await start(t, { app: releases.app, cwd: releases.current, untilReady: false });
    await waitFor(() => holdfast.processes().some(({ role }) => role === 'keeper'), 20_000, 'the keeper');
    process.kill(holdfast.keeper(), 'SIGTERM');
    t.is((await end(holdfast)).status, 0);
  });

  run(`${mode}: TERM ends both generations of an upgrade by hand: to the watched pid it is no decision`, async (t) => {
    const holdfast = await start(t, { args: ['--upgrade', 'manual'] });
    const after = holdfast.log.length;
    process.kill(holdfast.keeper(), 'SIGUSR2');
    await holdfast.event('upgrade.ready', ({ gen }) => gen === 1, { after });
    await leavesNothing(t, holdfast);
  });

  run(`${mode}: TERM that an incumbent took to its grave is followed by its successor`, async (t) => {
    const releases = new Releases(t);
    const holdfast = await start(t, { app: releases.app, cwd: releases.current, allowErrors: [/was told to stop/] });
    const { incumbent, slow } = await holdLoading(holdfast, releases);
    await freeze(t, incumbent);
    process.kill(holdfast.keeper(), 'SIGTERM');
    process.kill(incumbent, 'SIGKILL');
    slow.open();
    t.is((await end(holdfast)).status, 0);
    t.false(existsSync(holdfast.pidfile ?? ''));
  });

  run(
    `${mode}: a master that is killed alone ends its keeper with status 1 and a line, and its workers answer what they have`,
    async (t) => {
      const holdfast = await start(t, { allowErrors: [/died without a word/] });
      const long = await holdRequest(holdfast);
      const inner = Number(holdfast.events('master.ready').at(-1)?.pid);
      process.kill(holdfast.pid(), 'SIGKILL');
      t.is(await long.answer(), 'held');
      t.is((await end(holdfast)).status, 1);
      t.is(holdfast.stderr, `holdfast: the master (pid ${inner}) died without a word\n`);
    },
  );

  run(`${mode}: a socket of fd://3 is handed on, and the keeper does not hold it: in a stop nobody is to wait there`, async (t) => {
    const listening = await listeningSocket(t);
    const holdfast = await start(t, { args: ['-b', 'fd://3'], handed: [listening.fd] });
    listening.close();
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    t.is(holdfast.port, listening.port);
    t.is((await ask(holdfast.target)).status, 200);
    const holders = listeningOn(listening.port);
    t.true(holders.includes(holdfast.pid()));
    t.false(holders.includes(holdfast.keeper()));
    await leavesNothing(t, holdfast);
  });

  run(`${mode}: of a descriptor that is not there the master says so, and means not the keeper's`, async (t) => {
    const holdfast = await start(t, { args: ['-b', 'fd://3'], untilReady: false, allowErrors: true });
    t.is((await end(holdfast)).status, 1);
    t.regex(holdfast.stderr, /^holdfast: cannot inherit fd:\/\/3: descriptor 3 is not (open|a socket)\n$/);
  });

  run(`${mode}: the exit status of a master that cannot start is the keeper's`, async (t) => {
    const bad = await start(t, { app: './nowhere.js', untilReady: false, allowErrors: [/cannot load/] });
    t.is((await end(bad)).status, 4);
    const unloggable = await start(t, { args: ['--log-file', join(tempDir(t), 'no', 'log')], untilReady: false, allowErrors: true });
    t.is((await end(unloggable)).status, 1);
    t.regex(unloggable.stderr, /^holdfast: cannot [^\n]*\n$/, 'one line, and the keeper adds none');
  });

  run(`${mode}: with the keeper everything ends, also when it has not read the last that it was told`, async (t) => {
    // unshare(1) dies as its child did, and says so.
    const holdfast = await start(t, { allowErrors: [/^unshare: /] });
    const keeper = holdfast.keeper();
    await freeze(t, keeper);
    await holdfast.upgrade();
    process.kill(keeper, 'SIGKILL');
    await holdfast.gone();
    // In a PID namespace the kernel may be faster than the master's tidying up.
    t.true(processOne || !existsSync(holdfast.pidfile ?? ''));
  });
}

for (const { who, killed } of [
  { who: 'a retiree that returns', killed: killedBesideRetiree },
  { who: 'a candidate that is promoted, and never loads,', killed: killedBesideCandidate },
])
  test(`${who} when its keeper was killed stops: nobody watches it either`, async (t) => {
    const releases = new Releases(t);
    const holdfast = await startHoldfast(t, {
      app: releases.app,
      cwd: releases.current,
      args: ['-w', '2', ...HELD_LONG, '--keep-pid'],
      allowErrors: [/told to stop/],
    });
    await killed(t, holdfast, releases);
    await holdfast.gone();
    t.false(existsSync(holdfast.pidfile ?? ''));
    t.deepEqual(holdfast.strayFiles(), []);
  });

(canBeOne ? test : test.skip)("an orphan that got the first master's pid is reaped like any other", async (t) => {
  const holdfast = await startHoldfast(t, { processOne: true });
  const keeper = holdfast.keeper();
  const first = innerPid(holdfast.pid());
  await holdfast.upgrade();
  await holdfast.event('master.exit');
  const orphan = orphanWithPid(keeper, first);
  if (orphan === '') return void t.log('nobody may choose a pid here');
  t.is(Number(orphan), first);
  const outer = waitFor(() => pids().find((pid) => innerPid(pid) === first && stat(pid)?.ppid === keeper), 20_000, 'an orphan');
  process.kill(await outer, 'SIGKILL');
  await waitFor(() => zombiesBelow(keeper).length === 0, 20_000, 'it to be reaped');
  await leavesNothing(t, holdfast);
});

(canBeOne ? test : test.skip)('process 1 waits for the workers of a master that was killed, but not after INT', async (t) => {
  const holdfast = await startHoldfast(t, { processOne: true, allowErrors: [/died without a word/] });
  const long = await holdRequest(holdfast);
  process.kill(holdfast.pid(), 'SIGKILL');
  await waitFor(() => holdfast.stderr !== '', 20_000, 'the keeper to say so');
  t.is(holdfast.workers().length, 1);
  process.kill(holdfast.keeper(), 'SIGINT');
  t.is((await end(holdfast)).status, 1);
  t.is(await long.outcome, 'cut');
});

/** The master in charge cannot follow what the death of its keeper means, and dies as well. */
async function killWithKeeper(t: ExecutionContext, holdfast: Holdfast): Promise<void> {
  const [keeper, master] = [holdfast.keeper(), holdfast.pid()];
  await freeze(t, master);
  process.kill(keeper, 'SIGKILL');
  await waitGone(keeper, 20_000);
  process.kill(master, 'SIGKILL');
}

async function killedBesideRetiree(t: ExecutionContext, holdfast: Holdfast): Promise<void> {
  const long = await holdRequest(holdfast);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  await killWithKeeper(t, holdfast);
  await holdfast.says(/this generation is in charge again$/);
  t.is(await long.answer(), 'held');
}

async function killedBesideCandidate(t: ExecutionContext, holdfast: Holdfast, releases: Releases): Promise<void> {
  await holdLoading(holdfast, releases);
  await killWithKeeper(t, holdfast);
  await holdfast.says(/^the incumbent \(pid \d+\) died; taking its place$/);
}

/** Of somebody else, who lets go of it with `close`. */
async function listeningSocket(t: ExecutionContext) {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const close = () => void server.close();
  t.teardown(close);
  const { port } = server.address() as { readonly port: number };
  const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle;
  return { fd, port, close };
}

type Load = Awaited<ReturnType<typeof startLoad>>;

function identity(holdfast: Holdfast) {
  const { pid, startTime } = stat(holdfast.keeper()) ?? {};
  return { pid, startTime };
}

/** It answers, and no zombie is left of what happened. */
async function goesOn(t: ExecutionContext, holdfast: Holdfast, load: Load): Promise<void> {
  await load.mark();
  t.true((await load.answeredAtLeast(200)).total > 0);
  await waitFor(() => zombiesBelow(holdfast.keeper()).length === 0, 20_000, 'every zombie to be reaped');
}

/** As `docker stop` does it. */
async function leavesNothing(t: ExecutionContext, holdfast: Holdfast): Promise<void> {
  const keeper = holdfast.keeper();
  await waitFor(() => zombiesBelow(keeper).length === 0, 20_000, 'every zombie to be reaped');
  process.kill(keeper, 'SIGTERM');
  t.deepEqual(await end(holdfast), { status: 0, signal: null });
  t.false(existsSync(holdfast.pidfile ?? ''));
}

/** When nothing of it is left, how the first process ended. */
async function end(holdfast: Holdfast): Promise<Exit> {
  await holdfast.gone(40_000);
  return holdfast.exit;
}

/** A killed worker takes the exchanges with it that it was at, or an idle connection. Nobody is refused. */
function onlyCut(t: ExecutionContext, { failures }: Report): void {
  t.deepEqual(
    failures.filter(({ reason }) => !/^(closed|reset)-|^idle-closed-early$/.test(reason)),
    [],
  );
  const clients = Object.values(MIX).reduce((sum, count) => sum + count, 0);
  t.true(failures.length <= clients, `${failures.length} failures of ${clients} clients`);
}

/** To the keeper, from inside the namespace if it is process 1; resolves when a master says that it got it. */
async function got(holdfast: Holdfast, signal: NodeJS.Signals): Promise<void> {
  const seen = holdfast.log.length;
  const keeper = holdfast.keeper();
  // From inside process 1 gets only what it has a handler for. pid_namespaces(7).
  if (innerPid(keeper) === 1) runInside(keeper, `kill -s ${signal.slice(3)} 1`);
  else process.kill(keeper, signal);
  await waitFor(
    () => holdfast.log.slice(seen).some(({ msg }) => msg === `got ${signal}`),
    20_000,
    () => `a master that got ${signal}`,
  );
}

/** Empty when the kernel does not let us. Another process or thread may get the number first: then it is tried again. proc(5), ns_last_pid. */
function orphanWithPid(keeper: number, pid: number): string {
  return runInside(
    keeper,
    `next=/proc/sys/kernel/ns_last_pid; [ -w $next ] || exit 0
    for try in $(seq 200); do
      echo ${pid - 1} >$next; sleep 1000 >/dev/null 2>&1 & [ $! = ${pid} ] && echo $! && exit 0; kill $!
    done; echo 0`,
  );
}

async function drainedAndReloaded(holdfast: Holdfast) {
  await waitFor(() => holdfast.workers().length === 0, 20_000, 'no workers');
  const after = holdfast.log.length;
  await got(holdfast, 'SIGHUP');
  return holdfast.event('reload.done', undefined, { after });
}
