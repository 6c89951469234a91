import test from 'ava';
import { ratioOf, slopes, spreadOf } from '../../bench/statistics.js';

test('the median is the middle one, or between the two in the middle', (t) => {
  t.is(spreadOf([5]).median, 5);
  t.is(spreadOf([9, 1, 5]).median, 5);
  t.is(spreadOf([4, 1, 3, 2]).median, 2.5);
});

test('half of the values lie within the spread, whatever the worst one was', (t) => {
  t.deepEqual(spreadOf([1_000, 3, 1, 2, 4]), { median: 3, low: 2, high: 4, count: 5 });
  t.deepEqual(spreadOf([1, 2]), { median: 1.5, low: 1.25, high: 1.75, count: 2 });
});

test('nothing measured is no figure', (t) => {
  t.throws(() => spreadOf([]), { instanceOf: RangeError });
  t.throws(() => ratioOf([1, 2], [1]), { instanceOf: RangeError, message: '2 measurements beside 1' });
});

test('a ratio is taken turn by turn: a machine that grows slower favours nobody', (t) => {
  t.deepEqual(ratioOf([20, 40, 80], [10, 20, 40]), { median: 2, low: 2, high: 2, count: 3 });
});

test('a line costs at its end what it costs at its beginning', (t) => {
  const line = [1, 8, 64].map((x) => ({ x, y: 30 + 4 * x }));
  t.deepEqual(slopes(line), { first: 4, last: 4 });
  const square = [1, 8, 64].map((x) => ({ x, y: x * x }));
  t.deepEqual(slopes(square), { first: 9, last: 72 });
  t.throws(() => slopes([{ x: 1, y: 1 }]), { instanceOf: RangeError });
});
