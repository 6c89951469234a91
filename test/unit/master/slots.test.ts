import test from 'ava';
import { Slots } from '#src/master/slots.js';

interface Worker {
  readonly slot: number;
  readonly name: string;
}

const [old, young, next] = ['old', 'young', 'next'].map((name) => ({ slot: 1, name })) as [Worker, Worker, Worker];

function filled(...workers: readonly Worker[]): Slots<Worker> {
  const slots = new Slots<Worker>();
  for (const worker of workers) slots.add(worker);
  return slots;
}

test('the first worker of a slot is its occupant, the next one its substitute', (t) => {
  const slots = filled(old, young);
  t.deepEqual([slots.occupants, slots.substitutes], [[old], [young]]);
  t.true(slots.isOccupant(old) && slots.isSubstitute(young));
  t.false(slots.isOccupant(young) || slots.isSubstitute(old));
});

test('a slot lacks somebody when it is empty, or when its occupant is to leave and nobody boots in its place', (t) => {
  const slots = filled();
  t.true(slots.lacks(1) && slots.isEmpty(1));
  slots.add(old);
  t.false(slots.lacks(1) || slots.isEmpty(1));
  slots.depart(old);
  t.true(slots.lacks(1));
  slots.add(young);
  t.false(slots.lacks(1));
});

test('an occupant that is removed leaves the slot to its substitute, and nobody is to leave any more', (t) => {
  const slots = filled(old);
  slots.depart(old);
  slots.add(young);
  t.false(slots.settled);
  slots.remove(old);
  t.true(slots.promote(1));
  t.deepEqual([slots.occupants, slots.substitutes, slots.settled], [[young], [], true]);
});

test('without a substitute nobody is promoted, and the slot is empty', (t) => {
  const slots = filled(old);
  slots.depart(old);
  slots.remove(old);
  t.false(slots.promote(1));
  t.true(slots.isEmpty(1) && slots.settled);
});

test('a substitute that fails leaves the occupant departing: another one is wanted', (t) => {
  const slots = filled(old);
  slots.depart(old);
  slots.add(young);
  slots.remove(young);
  t.true(slots.isOccupant(old) && slots.isDeparting(old) && slots.lacks(1));
  slots.add(next);
  t.true(slots.isSubstitute(next));
});

test('who is spent keeps its turn until it departs or is removed, whoever else is in its slot', (t) => {
  const other = { slot: 2, name: 'other' };
  const slots = filled(old, other);
  slots.spend(other);
  slots.spend(old);
  t.deepEqual(slots.spent, [other, old]);
  t.false(slots.settled);
  slots.remove(young);
  t.deepEqual(slots.spent, [other, old]);
  slots.depart(other);
  slots.remove(old);
  t.deepEqual(slots.spent, []);
});

test('an occupant that was to leave and stays is to be replaced all the same, later', (t) => {
  const slots = filled(old);
  slots.stay(old);
  t.deepEqual(slots.spent, []);
  slots.depart(old);
  slots.stay(old);
  t.false(slots.isDeparting(old));
  t.deepEqual(slots.spent, [old]);
});
