// Recycling loses nothing: every kind of client at once, workers that come and go all the time. HOLDFAST_RECYCLE_SECONDS says for how long.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { watchAccepting } from '../support/accepting.js';
import { heavily, heavyTest, rounds } from '../support/heavy.js';
import { startHoldfast } from '../support/holdfast.js';
import { everyKind, startLoad } from '../support/load/index.js';
import { assertLossless } from '../support/load/lossless.js';
import { fixture } from '../support/paths.js';
import { tempDir } from '../support/temp.js';

const SECONDS = Number(process.env['HOLDFAST_RECYCLE_SECONDS'] ?? rounds(5, 60));
const WORKERS = 2;
const MIB = 2 ** 20;
const limitMs = (SECONDS + 120) * 1000;

test.serial(
  heavily(`${SECONDS} s of recycling every 200 requests lose nothing, and ${WORKERS} workers accept at every moment`),
  async (t) => {
    t.timeout(limitMs);
    const holdfast = await startHoldfast(t, { args: ['-w', String(WORKERS), '--max-requests', '200'], stopMs: 40_000 });
    const accepting = watchAccepting(t, holdfast, WORKERS);
    const load = startLoad(t, { target: holdfast.target, mix: everyKind, keepAliveTimeoutMs: 5_000, limitMs });
    await load.warm(2);
    const after = holdfast.log.length;
    await pause(SECONDS * 1000);
    // Recycling goes on to the end, however slow the machine is.
    await holdfast.event('worker.exit', (line) => /it has served 200 requests \(--max-requests\)$/.test(String(line.msg)), { after });
    const report = await load.stop();
    const { looks, fewest, lapses } = await accepting.stop();
    const recycled = holdfast.events('worker.spawn').filter((line) => /another one takes its place/.test(String(line.msg))).length;
    t.log(`${recycled} recyclings, ${report.total} exchanges, ${looks} looks, the longest gap ${Math.round(report.longestGapMs)} ms`);
    t.true(recycled >= 3, `${recycled} recyclings`);
    t.is(fewest, WORKERS, JSON.stringify(lapses));
    assertLossless(t, report);
  },
);

test.serial('an app that leaks stays bounded by --max-memory, loses nothing, and all workers accept', async (t) => {
  t.timeout(limitMs);
  const limit = 160 * MIB;
  const args = ['-w', String(WORKERS), '--max-memory', '160M', '--keep-alive', '2'];
  const holdfast = await startHoldfast(t, { args, app: fixture('leaking.mjs'), stopMs: 40_000 });
  const accepting = watchAccepting(t, holdfast, WORKERS);
  const load = startLoad(t, {
    target: holdfast.target,
    mix: { short: 2, hot: 2, keepAlive: 4, slow: 2, upload: 2 },
    keepAliveTimeoutMs: 2_000,
    hotPerSecond: 800,
    shortPerSecond: 400,
    limitMs,
  });
  await load.warm(2);
  let after = 0;
  for (let recycled = 0; recycled < WORKERS + 1; recycled += 1) {
    const line = await holdfast.event('worker.exit', ({ msg }) => /it has \d+ MiB of memory \(--max-memory 160 MiB\)$/.test(String(msg)), {
      after,
      timeoutMs: 60_000,
    });
    after = holdfast.log.indexOf(line) + 1;
  }
  const report = await load.stop();
  const { looks, fewest, lapses, biggest } = await accepting.stop();
  t.log(`${report.total} exchanges, ${looks} looks, the biggest worker had ${Math.round(biggest / MIB)} MiB`);
  t.is(fewest, WORKERS, JSON.stringify(lapses));
  t.true(biggest > limit, 'the limit was reached');
  // What it leaks from one look at its memory to the next, and until its substitute accepts.
  t.true(biggest < 2.5 * limit, `${Math.round(biggest / MIB)} MiB`);
  assertLossless(t, report);
});

// Longer than what a worker waits that somebody sent TERM.
heavyTest('a worker that has reached its limit serves on for as long as its substitute boots', async (t) => {
  t.timeout(limitMs);
  const mood = join(tempDir(t), 'mood');
  const holdfast = await startHoldfast(t, { app: fixture('moody.mjs'), args: ['--max-requests', '50'], env: { MOOD: mood } });
  const accepting = watchAccepting(t, holdfast, 1);
  const [old] = holdfast.workers();
  writeFileSync(mood, 'wait');
  const load = startLoad(t, { target: holdfast.target, mix: { short: 2, keepAlive: 2 }, keepAliveTimeoutMs: 5_000, limitMs });
  await holdfast.event('worker.spawn', ({ msg }) => /another one takes its place/.test(String(msg)));
  await pause(15_000);
  const { answeredBy } = await load.report();
  t.deepEqual([...answeredBy.keys()], [String(old?.pid)]);
  rmSync(mood);
  await holdfast.event('worker.exit', (line) => line['worker'] === old?.pid);
  t.is((await load.stop()).failed, 0);
  t.deepEqual((await accepting.stop()).lapses, []);
});
