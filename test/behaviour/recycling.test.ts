// Recycling, step by step: a substitute that is held while it boots, and what may happen meanwhile.
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { Agent, get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { watchAccepting } from '../support/accepting.js';
import { ask } from '../support/ask.js';
import { type Holdfast, startHoldfast, type Worker } from '../support/holdfast.js';
import { startLoad } from '../support/load/index.js';
import type { LogLine } from '../support/log-tail.js';
import { fixture } from '../support/paths.js';
import { isAlive, waitGone } from '../support/proc.js';
import { freeze, thaw } from '../support/signals.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

/** Of --max-requests. */
const LIMIT = 5;

const says = (pattern: RegExp) => (line: LogLine) => pattern.test(String(line.msg));
const takesPlace = says(/another one takes its place$/);
const servesOn = (seconds: number) =>
  says(new RegExp(`that has served ${LIMIT} requests .*serves on, and the next attempt is in ${seconds} s$`));

const timeOf = (line?: LogLine) => Date.parse(String(line?.['time']));

interface Moody {
  readonly holdfast: Holdfast;
  /** Whoever loads from here on waits, or throws. */
  become(mood: 'wait' | 'throw'): void;
  /** All is well again. */
  calm(): void;
}

async function startMoody(t: ExecutionContext, workers: number): Promise<Moody> {
  const mood = join(tempDir(t), 'mood');
  const args = ['-w', String(workers), '--max-requests', String(LIMIT)];
  const holdfast = await startHoldfast(t, { app: fixture('moody.mjs'), args, env: { MOOD: mood } });
  return { holdfast, become: (what) => writeFileSync(mood, what), calm: () => rmSync(mood) };
}

/** Exchanges on one connection, which is one worker's: of this slot, or of any. */
async function spend(t: ExecutionContext, { target }: Holdfast, isIt: (pid: number) => boolean, requests: number): Promise<void> {
  for (;;) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const exchange = async () => {
      const [response] = (await once(get({ ...target, agent }), 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
      return Number(response.headers['x-worker']);
    };
    const found = isIt(await exchange());
    for (let more = 1; found && more < requests; more += 1) t.true(isIt(await exchange()));
    agent.destroy();
    if (found) return;
  }
}

/** The worker of this slot has reached its limit, and its substitute boots for as long as the mood is `wait`. */
async function holdSubstitute(
  t: ExecutionContext,
  { holdfast, become }: Moody,
  slot: number,
): Promise<{ old: Worker; substitute: number }> {
  const old = holdfast.workers().find((worker) => worker.slot === slot);
  if (old === undefined) throw new Error(`no worker in slot ${slot}`);
  become('wait');
  const siblings = holdfast.workers().filter(({ pid }) => pid !== old.pid);
  // Or one of them, asked in vain too often, would reach its limit first.
  for (const { pid } of siblings) await freeze(t, pid);
  await spend(t, holdfast, (pid) => pid === old.pid, LIMIT);
  for (const { pid } of siblings) thaw(pid);
  const line = await holdfast.event('worker.spawn', takesPlace);
  t.is(line.slot, slot);
  t.is(line.msg, `worker ${slot} has served ${LIMIT} requests (--max-requests): another one takes its place`);
  t.is((await ask(holdfast.target)).status, 200);
  return { old, substitute: Number(line['worker']) };
}

async function settles(holdfast: Holdfast, workers: number): Promise<Worker[]> {
  await waitFor(() => holdfast.workers().length === workers, 20_000, `${workers} workers, and nobody else`);
  return holdfast.workers();
}

test('a substitute that cannot boot leaves the old one serving, and is tried again after growing pauses', async (t) => {
  const { holdfast, become, calm } = await startMoody(t, 1);
  const [old] = holdfast.workers();
  const accepting = watchAccepting(t, holdfast, 1);
  become('throw');
  for (let asked = 0; asked < LIMIT; asked += 1) await ask(holdfast.target);
  for (const seconds of [1, 2]) {
    const line = await holdfast.event('worker.exit', servesOn(seconds));
    t.regex(String(line.msg), /^worker 1 exited with status 4: .*in no mood to load.*; worker 1 that has served/);
    t.is((await ask(holdfast.target)).headers['x-worker'], String(old?.pid));
  }
  calm();
  const end = await holdfast.event('worker.exit', (line) => line['worker'] === old?.pid);
  t.is(end.msg, `worker 1 exited with status 0: it has served ${LIMIT} requests (--max-requests)`);
  t.deepEqual((await accepting.stop()).lapses, []);
  t.is((await ask(holdfast.target)).status, 200);
});

test('a worker that is killed while its substitute boots has been replaced already', async (t) => {
  const moody = await startMoody(t, 2);
  const { holdfast } = moody;
  const { old, substitute } = await holdSubstitute(t, moody, 1);
  process.kill(old.pid, 'SIGKILL');
  await holdfast.event('worker.exit', says(/^worker 1 was killed by SIGKILL; replaced at once$/));
  moody.calm();
  await holdfast.event('worker.ready', (line) => line['worker'] === substitute);
  t.deepEqual(
    (await settles(holdfast, 2)).map(({ slot }) => slot),
    [1, 2],
  );
  t.is(holdfast.events('worker.spawn').length, 3, 'two workers and one substitute were all');
});

test('a worker that is killed while its substitute waits for another attempt is replaced by that', async (t) => {
  const { holdfast, become, calm } = await startMoody(t, 1);
  const [old] = holdfast.workers();
  become('throw');
  await spend(t, holdfast, () => true, LIMIT);
  await holdfast.event('worker.exit', servesOn(1));
  process.kill(old?.pid ?? 0, 'SIGKILL');
  await holdfast.event('worker.exit', says(/^worker 1 was killed by SIGKILL; replaced in \d+(\.\d+)? s$/));
  calm();
  t.is((await ask(holdfast.target)).status, 200);
  await settles(holdfast, 1);
});

test('a substitute that is killed while it boots is followed by another one, and the old one serves on', async (t) => {
  const moody = await startMoody(t, 1);
  const { holdfast } = moody;
  const { old, substitute } = await holdSubstitute(t, moody, 1);
  process.kill(substitute, 'SIGKILL');
  await holdfast.event('worker.exit', servesOn(1));
  t.is((await ask(holdfast.target)).headers['x-worker'], String(old.pid));
  moody.calm();
  await holdfast.event('worker.exit', (line) => line['worker'] === old.pid);
  const [now] = await settles(holdfast, 1);
  t.false(now?.pid === old.pid || now?.pid === substitute);
});

test('TERM to a worker whose substitute boots already starts no second one', async (t) => {
  const moody = await startMoody(t, 1);
  const { holdfast } = moody;
  const { old, substitute } = await holdSubstitute(t, moody, 1);
  process.kill(old.pid, 'SIGTERM');
  t.is((await ask(holdfast.target)).headers['x-worker'], String(old.pid));
  moody.calm();
  await holdfast.event('worker.exit', (line) => line['worker'] === old.pid && line['code'] === 0);
  t.deepEqual(
    (await settles(holdfast, 1)).map(({ pid }) => pid),
    [substitute],
  );
});

test('TTOU takes a worker and its substitute, TTIN brings one back', async (t) => {
  const moody = await startMoody(t, 2);
  const { holdfast } = moody;
  const { old, substitute } = await holdSubstitute(t, moody, 2);
  holdfast.signal('SIGTTOU');
  await Promise.all([old.pid, substitute].map((pid) => waitGone(pid, 20_000)));
  t.deepEqual(
    (await settles(holdfast, 1)).map(({ slot }) => slot),
    [1],
  );
  moody.calm();
  holdfast.signal('SIGTTIN');
  await settles(holdfast, 2);
});

test('one that serves on after TTOU, for those who stay do not accept, is not replaced until more are wanted again', async (t) => {
  const { holdfast, become, calm } = await startMoody(t, 2);
  const [first, second] = holdfast.workers();
  become('wait');
  process.kill(first?.pid ?? 0, 'SIGKILL');
  await holdfast.event('worker.exit');
  const scale = async (signal: NodeJS.Signals, wanted: RegExp) => {
    const after = holdfast.log.length;
    holdfast.signal(signal);
    return holdfast.says(wanted, undefined, { after });
  };
  await scale('SIGTTOU', /^1 worker wanted$/);
  for (let asked = 0; asked < LIMIT; asked += 1) t.is((await ask(holdfast.target)).headers['x-worker'], String(second?.pid));
  // It is old enough by then to be recycled.
  let last = await holdfast.event('worker.spawn', (line) => line.slot === 1 && line['worker'] !== first?.pid);
  for (let round = 0; round < 2; round += 1) {
    const more = await scale('SIGTTIN', /^2 workers wanted$/);
    last = await holdfast.event('worker.spawn', (line) => line.slot === 2 && takesPlace(line), { after: more });
    await scale('SIGTTOU', /^1 worker wanted$/);
    await waitGone(Number(last['worker']), 20_000);
    t.is((await ask(holdfast.target)).headers['x-worker'], String(second?.pid));
  }
  t.is(holdfast.log.filter(takesPlace).length, 2, 'no substitute but those two');
  process.kill(second?.pid ?? 0, 'SIGKILL');
  const { msg } = await holdfast.event('worker.exit', (line) => line['worker'] === second?.pid);
  t.is(msg, 'worker 2 was killed by SIGKILL');
  calm();
  await holdfast.event('worker.ready', undefined, { after: last });
  t.deepEqual(
    (await settles(holdfast, 1)).map(({ slot }) => slot),
    [1],
  );
});

for (const [signal, done] of [
  ['SIGHUP', 'reload.done'],
  ['SIGUSR2', 'upgrade.done'],
] as const) {
  test(`${signal} while a substitute boots replaces them both`, async (t) => {
    const moody = await startMoody(t, 2);
    const { holdfast } = moody;
    const { old, substitute } = await holdSubstitute(t, moody, 1);
    const before = holdfast.workers().map(({ pid }) => pid);
    const accepting = watchAccepting(t, holdfast, 2);
    const verdict = holdfast.signalAndWait(signal, done);
    await waitFor(() => holdfast.workers().length === 5, 20_000, 'the next two workers');
    moody.calm();
    await verdict;
    await Promise.all([...before, old.pid, substitute].map((pid) => waitGone(pid, 20_000)));
    t.is((await settles(holdfast, 2)).length, 2);
    t.deepEqual((await accepting.stop()).lapses, []);
    t.is((await ask(holdfast.target)).status, 200);
  });
}

test('a stop while a substitute boots ends both', async (t) => {
  const moody = await startMoody(t, 1);
  await holdSubstitute(t, moody, 1);
  t.deepEqual(await moody.holdfast.stop(), { status: 0, signal: null });
});

test('a master that is killed while a substitute boots leaves neither behind', async (t) => {
  const moody = await startMoody(t, 1);
  const { old, substitute } = await holdSubstitute(t, moody, 1);
  process.kill(moody.holdfast.pid(), 'SIGKILL');
  await moody.holdfast.gone();
  t.false(isAlive(old.pid) || isAlive(substitute));
});

test('four workers that reach the limit together are replaced one after the other, each for a number of its own', async (t) => {
  const args = ['-w', '4', '--max-requests', '10', '--max-requests-jitter', '90', '--keep-alive', '1'];
  const holdfast = await startHoldfast(t, { args });
  const load = startLoad(t, { target: holdfast.target, mix: { short: 8 }, keepAliveTimeoutMs: 1_000 });
  for (let recycled = 0, after = 0; recycled < 6; recycled += 1) {
    const line = await holdfast.event('worker.spawn', takesPlace, { after });
    after = holdfast.log.indexOf(line) + 1;
    await holdfast.event('worker.ready', (one) => one['worker'] === line['worker'], { after });
    const meanwhile = holdfast.log.slice(after).filter((one) => one.event === 'worker.spawn' || one.event === 'worker.ready');
    t.is(meanwhile[0]?.event, 'worker.ready', 'nobody is started as long as a substitute boots');
  }
  t.is((await load.stop()).failed, 0);
  const limits = holdfast.events('worker.spawn').flatMap(({ msg }) => /has served (\d+) requests/.exec(String(msg))?.[1] ?? []);
  t.log(limits.join(' '));
  t.true(limits.every((limit) => Number(limit) >= 10 && Number(limit) <= 100));
  t.true(new Set(limits).size > 1, 'not all the same');
});

test('a limit that is reached at once makes no storm of processes, and one line says so', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['--max-requests', '1'] });
  const load = startLoad(t, { target: holdfast.target, mix: { short: 2 }, keepAliveTimeoutMs: 5_000 });
  for (let recycled = 0, after = 0, readyAt = timeOf(holdfast.events('worker.ready')[0]); recycled < 2; recycled += 1) {
    const spawn = await holdfast.event('worker.spawn', takesPlace, { after });
    t.true(timeOf(spawn) - readyAt > 900, 'a worker serves for a second at least');
    const ready = await holdfast.event('worker.ready', undefined, { after: spawn });
    readyAt = timeOf(ready);
    after = holdfast.log.indexOf(ready) + 1;
  }
  t.is((await load.stop()).failed, 0);
  const lines = holdfast.log.filter(
    says(/^worker 1 has served 1 request \(--max-requests\) [\d.]+ s after it began to accept; it serves on for a moment/),
  );
  t.deepEqual(
    lines.map(({ level }) => level),
    ['warning'],
  );
});

test('--max-memory that an empty worker exceeds is said with the figure, and no worker is recycled for it', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['--max-memory', '1M', '--max-requests', '3'] });
  const what = says(
    /^--max-memory 1 MiB is less than the \d+ MiB that this worker has before its first request; it is not recycled for that$/,
  );
  await waitFor(() => holdfast.log.some((line) => line.role === 'worker' && line.level === 'warning' && what(line)), 20_000, 'the warning');
  for (let asked = 0; asked < 3; asked += 1) await ask(holdfast.target);
  await holdfast.event('worker.spawn', says(/--max-requests/));
  t.false(holdfast.events('worker.spawn').some(says(/--max-memory/)));
});
