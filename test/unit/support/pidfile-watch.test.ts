import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type PidfileReport, watchPidfile } from '../../support/pidfile-watch.js';
import { tempDir } from '../../support/temp.js';

async function watchedPidfile(t: ExecutionContext, contents = `${process.pid}\n`) {
  const path = join(tempDir(t), 'pid');
  writeFileSync(path, contents);
  const watch = await watchPidfile(t, path);
  const until = async (condition: (report: PidfileReport) => boolean) => {
    let report = await watch.report();
    while (!condition(report)) report = await watch.report();
    return report;
  };
  return { path, watch, until };
}

test('a pidfile that is replaced by renames is never found wanting', async (t) => {
  const { path, watch, until } = await watchedPidfile(t);
  for (let i = 0; i < 200; i += 1) {
    writeFileSync(`${path}.new`, `${i % 2 === 0 ? process.ppid : process.pid}\n`);
    renameSync(`${path}.new`, path);
  }
  await until(({ reads, pids }) => reads > 500 && pids.at(-1) === process.pid);
  const { reads: _, pids, ...report } = await watch.stop();
  t.deepEqual(report, { missing: 0, empty: 0, malformed: 0, samples: [], dead: [] });
  t.is(pids[0], process.pid);
  t.is(pids.at(-1), process.pid);
});

test('a pidfile that is missing, empty or half-written is noticed', async (t) => {
  const { path, until } = await watchedPidfile(t);
  writeFileSync(path, '');
  await until(({ empty }) => empty > 0);
  writeFileSync(path, String(process.pid));
  const { samples } = await until(({ malformed }) => malformed > 0);
  t.deepEqual(samples[0], String(process.pid));
  rmSync(path);
  t.true((await until(({ missing }) => missing > 0)).missing > 0);
});

test('a pidfile that names the dead is noticed, with how long it does', async (t) => {
  const dead = spawn('/bin/true');
  await once(dead, 'exit');
  const { path, watch, until } = await watchedPidfile(t, `${dead.pid}\n`);
  await until(({ dead: periods }) => (periods[0]?.ms ?? 0) > 50);
  writeFileSync(`${path}.new`, `${process.pid}\n`);
  renameSync(`${path}.new`, path);
  await until(({ pids }) => pids.length === 2);
  const report = await watch.stop();
  t.deepEqual(report.pids, [dead.pid, process.pid]);
  t.is(report.dead.length, 1);
  t.is(report.dead[0]?.pid, dead.pid);
  t.true((report.dead[0]?.ms ?? 0) >= 50);
});
