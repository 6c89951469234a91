import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { Bag, type Member } from '#src/worker/bag.js';

const names = (bag: Bag<Named>) => [...bag].map(({ name }) => name).sort();
const named = (name: string): Named => ({ name, at: 0 });

interface Named extends Member {
  readonly name: string;
}

test('holds what was added and not deleted, whichever leaves first', (t) => {
  const bag = new Bag<Named>();
  const [a, b, c] = [named('a'), named('b'), named('c')] as const;
  for (const each of [a, b, c]) bag.add(each);
  t.deepEqual([bag.size, names(bag)], [3, ['a', 'b', 'c']]);
  bag.delete(a);
  t.deepEqual([bag.size, names(bag)], [2, ['b', 'c']]);
  bag.delete(c);
  bag.delete(b);
  t.deepEqual([bag.size, names(bag)], [0, []]);
});

test('one that leaves twice, or was never there, takes nobody else along', (t) => {
  const bag = new Bag<Named>();
  const [a, b] = [named('a'), named('b')] as const;
  bag.add(a);
  bag.add(b);
  bag.delete(a);
  bag.delete(a);
  bag.delete(named('stranger'));
  t.deepEqual(names(bag), ['b']);
  bag.delete(b);
  bag.delete(b);
  t.is(bag.size, 0);
});

test('members may leave while it is gone through: each that was there comes once', (t) => {
  const bag = new Bag<Named>();
  for (const name of ['a', 'b', 'c', 'd']) bag.add(named(name));
  const seen: string[] = [];
  for (const each of bag) {
    seen.push(each.name);
    bag.delete(each);
  }
  t.deepEqual([seen.sort(), bag.size], [['a', 'b', 'c', 'd'], 0]);
});

test('those that have left survive no collection of young garbage, however many come and go', (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void;
  const bag = new Bag<Member & { readonly weight: readonly number[] }>();
  const open = Array.from({ length: 32 }, weighty);
  for (const each of open) bag.add(each);
  // What survives twice is old, as the members of a server that has served for a while are.
  collect();
  collect();
  const before = oldSpace();
  for (let turn = 1; turn <= 10_000; turn += 1) {
    const next = weighty();
    const first = open.shift();
    open.push(next);
    if (first !== undefined) bag.delete(first);
    bag.add(next);
    if (turn % 100 === 0) collect({ type: 'minor' });
  }
  t.is(bag.size, 32);
  // Of 10 MB that came and went. A Set keeps a half of them.
  t.true(oldSpace() - before < 1e6, `${oldSpace() - before} bytes have become old`);
});

function weighty() {
  return { at: 0, weight: new Array<number>(128).fill(0) };
}

function oldSpace(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? Number.NaN;
}
