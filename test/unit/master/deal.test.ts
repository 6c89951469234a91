import test from 'ava';
import { deal, type Layout } from '#src/master/deal.js';

const layout = (sockets: number, shared: readonly number[] = []): Layout => ({
  shared,
  groups: [Array.from({ length: sockets }, (_, index) => shared.length + index)],
});

const dealt = (sockets: number, slots: readonly number[]) => Object.fromEntries(deal(layout(sockets), slots));

test('each slot has its own', (t) => {
  t.deepEqual(dealt(4, [1, 2, 3, 4]), { 1: [0], 2: [1], 3: [2], 4: [3] });
});

test('of more sockets than slots everybody has the same number', (t) => {
  t.deepEqual(dealt(6, [1, 2]), { 1: [0, 2, 3], 2: [1, 4, 5] });
  t.deepEqual(dealt(6, [2, 5]), { 2: [1, 0, 2], 5: [4, 3, 5] });
});

test('what does not divide is shared by all', (t) => {
  t.deepEqual(dealt(4, [1, 2, 4]), { 1: [0, 2], 2: [1, 2], 4: [3, 2] });
  t.deepEqual(dealt(6, [1, 2, 3, 4]), { 1: [0, 4, 5], 2: [1, 4, 5], 3: [2, 4, 5], 4: [3, 4, 5] });
});

test('a slot beyond the sockets helps everybody, and not all the same one first', (t) => {
  t.deepEqual(dealt(2, [1, 2, 3, 4]), { 1: [0], 2: [1], 3: [0, 1], 4: [1, 0] });
  t.deepEqual(dealt(2, [3]), { 3: [0, 1] });
});

test('what is shared is shared, each address is dealt out by itself, and the first is a slot’s own', (t) => {
  const two: Layout = {
    shared: [2],
    groups: [
      [0, 3],
      [1, 4],
    ],
  };
  t.deepEqual(Object.fromEntries(deal(two, [1, 2])), { 1: [0, 1, 2], 2: [2, 3, 4] });
  t.deepEqual(Object.fromEntries(deal(two, [2])), { 2: [2, 3, 4, 0, 1] });
});

test('nobody has nothing', (t) => {
  t.is(deal(layout(3), []).size, 0);
  t.deepEqual(deal({ shared: [0, 1], groups: [] }, [7]).get(7), [0, 1]);
});

// Every number of sockets and every set of slots up to six.
test('no socket is ever without a worker, and the numbers of two owners never differ', (t) => {
  for (let sockets = 1; sockets <= 6; sockets += 1)
    for (let set = 1; set < 2 ** 6; set += 1) {
      const slots = [1, 2, 3, 4, 5, 6].filter((slot) => (set & (1 << (slot - 1))) !== 0);
      const shares = deal(layout(sockets, [0]), slots);
      t.deepEqual(
        [...new Set([...shares.values()].flat())].sort(),
        Array.from({ length: sockets + 1 }, (_, position) => position),
      );
      const owners = slots.filter((slot) => slot <= sockets).map((slot) => shares.get(slot)?.length);
      t.true(new Set(owners).size <= 1, JSON.stringify([...shares]));
      for (const [slot, positions] of shares) {
        t.is(new Set(positions).size, positions.length);
        if (slot <= sockets) t.true(positions.slice(0, 2).includes(slot), 'its own');
      }
    }
});
