import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { Portions } from '#src/master/portions.js';
import { Vacancies } from '#src/master/vacancies.js';

function vacancies(): { readonly of: Vacancies; readonly started: number[] } {
  const started: number[] = [];
  return { of: new Vacancies(new Portions(), (slot) => started.push(slot)), started };
}

test('a slot is filled in its turn, and once, however often that is asked for meanwhile', async (t) => {
  const { of, started } = vacancies();
  for (const slot of [1, 2, 3, 3]) of.fill(slot);
  t.deepEqual([started, of.due], [[1, 2], [3]]);
  t.true(of.isDue(3));
  while (of.isDue(3)) await setImmediate();
  t.deepEqual(started, [1, 2, 3]);
});

test('after one that was healthy the next is started at once, else after a pause, and then somebody has to ask', (t) => {
  const { of, started } = vacancies();
  t.is(of.refill(1, true, 0), 0);
  t.deepEqual([started, of.isPaused(1)], [[1], false]);
  const pause = of.refill(1, false, 0);
  t.true(pause > 0 && of.isPaused(1));
  t.is(of.left(1, pause - 1), 1);
  t.deepEqual([of.over(pause - 1), of.over(pause)], [[], [1]]);
  t.deepEqual(started, [1]);
});

test('one that lives for a while ends the pauses, and so does it that its slot is not wanted', (t) => {
  const { of } = vacancies();
  const first = of.refill(1, false, 0);
  of.refill(1, true, 0);
  t.false(of.isPaused(1));
  t.is(of.refill(1, false, 0), first);
  of.forgetBeyond(0);
  t.false(of.isPaused(1));
});

test('time that nobody could use is no part of a pause', (t) => {
  const { of } = vacancies();
  const pause = of.refill(1, false, 0);
  of.rearm(500);
  t.deepEqual([of.over(pause + 499), of.over(pause + 500)], [[], [1]]);
});
