import test from 'ava';
import { Roster } from '#src/master/roster.js';
import type { WorkerState } from '#src/master/worker-process.js';

interface Worker {
  readonly slot: number;
  state: WorkerState;
  readonly serves: boolean;
}

function worker(slot: number, state: WorkerState = 'accepting'): Worker {
  return { slot, state, serves: state === 'accepting' };
}

function roster(wanted: number, ...workers: readonly Worker[]): Roster<Worker> {
  const roster = new Roster<Worker>();
  roster.wanted = wanted;
  for (const each of workers) roster.slots.add(each);
  return roster;
}

test('who is beyond the wanted slots is to leave', (t) => {
  const [first, second, third] = [worker(1), worker(2), worker(3)];
  const of = roster(1, first, second, third);
  t.deepEqual(of.choose(), [second, third]);
  t.deepEqual(of.serving, [first]);
  of.leave(second);
  t.deepEqual([of.all, of.leaving], [[first, third, second], [second]]);
  of.forget(second);
  t.deepEqual(of.leaving, []);
});

test('but for as many as wanted slots lack, the lowest first: they serve', (t) => {
  const [booting, second, third, fourth] = [worker(1, 'booting'), worker(2), worker(3), worker(4)];
  const of = roster(2, booting, fourth, third, second);
  t.deepEqual(of.missing, [1]);
  t.deepEqual(of.choose(), [fourth]);
  t.deepEqual(of.serving, [third, second]);
  booting.state = 'accepting';
  t.deepEqual([of.missing, of.choose()], [[], [fourth, third]]);
});

test('nobody is kept who does not accept himself, nor where none are wanted', (t) => {
  const [first, second] = [worker(1, 'ready'), worker(2, 'ready')];
  t.deepEqual(roster(1, first, second).choose(), [second]);
  t.deepEqual(roster(0, worker(1)).choose().length, 1);
});

test('one that is kept and was to be replaced is to be, should it stay for good; its substitute is not kept', (t) => {
  const [first, second, substitute] = [worker(1, 'booting'), worker(2), worker(2, 'booting')];
  const of = roster(2, first, second);
  of.slots.depart(second);
  of.slots.add(substitute);
  of.wanted = 1;
  t.deepEqual(of.choose(), [substitute]);
  t.deepEqual([of.slots.isDeparting(second), of.slots.spent], [false, [second]]);
});

test('it is empty when nobody is in a slot or on the way out', (t) => {
  const only = worker(1);
  const of = roster(1, only);
  of.leave(only);
  t.false(of.empty);
  of.forget(only);
  t.true(of.empty);
});
