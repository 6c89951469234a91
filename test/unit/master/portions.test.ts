import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { Portions } from '#src/master/portions.js';

test('two are done at once, and the others two by two, in order', async (t) => {
  const portions = new Portions();
  const done: number[] = [];
  for (const each of [1, 2, 3, 4, 5]) portions.add(() => done.push(each));
  t.deepEqual(done, [1, 2]);
  const seen: number[] = [];
  while (done.length < 5) {
    await setImmediate();
    if (seen.at(-1) !== done.length) seen.push(done.length);
  }
  t.deepEqual(
    [done, seen],
    [
      [1, 2, 3, 4, 5],
      [2, 4, 5],
    ],
  );
  await setImmediate();
  await setImmediate();
  await setImmediate();
  portions.add(() => done.push(6));
  t.is(done.at(-1), 6, 'and when nothing waits, at once');
});

test.serial('a signal that comes meanwhile is heard between two portions, and so are those that are called for in one', async (t) => {
  const portions = new Portions();
  let heard = 0;
  const hear = () => {
    heard += 1;
  };
  process.on('SIGURG', hear);
  // Listeners for signals alone keep no process alive.
  const alive = setInterval(() => {}, 1_000);
  t.teardown(() => {
    clearInterval(alive);
    process.removeListener('SIGURG', hear);
  });
  // From a poll, as whatever a master does.
  process.kill(process.pid, 'SIGURG');
  await once(process, 'SIGURG');
  const before: number[] = [];
  const all = new Promise<void>((resolve) => {
    const act = () => {
      before.push(heard);
      process.kill(process.pid, 'SIGURG');
      if (before.length === 6) resolve();
      else if (before.length < 4) portions.add(act);
    };
    for (let each = 1; each <= 3; each += 1) portions.add(act);
  });
  await all;
  t.deepEqual(before, [1, 1, 3, 3, 5, 5]);
});
