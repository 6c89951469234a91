// What a master costs when nothing happens: a look at the clock each second, and a word from each worker now and then.
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { startHoldfast } from '../support/holdfast.js';
import { wakeUps } from '../support/proc.js';

const MEASURED_MS = 5_000;

test('an idle master wakes up twice a second or less', async (t) => {
  const holdfast = await startHoldfast(t, { args: ['-w', '2'] });
  await holdfast.upgrade();
  await holdfast.event('master.exit');
  const before = wakeUps(holdfast.pid());
  await pause(MEASURED_MS);
  const perSecond = (wakeUps(holdfast.pid()) - before) / (MEASURED_MS / 1_000);
  t.log(`${perSecond} in a second`);
  t.true(perSecond <= 4, 'twice that, for the sake of V8, which tidies up after the start');
});
