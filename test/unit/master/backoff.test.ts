import test from 'ava';
import { Backoff } from '#src/master/backoff.js';

test('each pause of a slot is twice as long as its last one, up to 30 s', (t) => {
  const backoff = new Backoff();
  t.deepEqual(
    Array.from({ length: 7 }, () => backoff.pause(1, 0)),
    [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000],
  );
  t.is(backoff.pause(2, 0), 1_000);
});

test('a pause is over when it is due, and its length is remembered until the slot is healthy', (t) => {
  const backoff = new Backoff();
  backoff.pause(1, 500);
  t.deepEqual([backoff.over(1_499), backoff.left(1, 1_499)], [[], 1]);
  t.deepEqual([backoff.over(1_500), backoff.left(1, 1_500)], [[1], 0]);
  t.true(backoff.has(1));
  t.is(backoff.pause(1, 1_500), 2_000);
  backoff.forget(1);
  t.false(backoff.has(1));
  t.is(backoff.left(1, 0), 0);
  t.is(backoff.pause(1, 0), 1_000);
});

test('slots beyond the last wanted one are forgotten', (t) => {
  const backoff = new Backoff();
  for (const slot of [1, 2, 3]) backoff.pause(slot, 0);
  backoff.forgetBeyond(1);
  t.deepEqual(backoff.over(1_000), [1]);
});

test('time that nobody could use does not count', (t) => {
  const backoff = new Backoff();
  backoff.pause(1, 0);
  backoff.rearm(5_000);
  t.deepEqual([backoff.over(5_999), backoff.over(6_000)], [[], [1]]);
});
