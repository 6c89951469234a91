import test from 'ava';
import { Portions } from '#src/master/portions.js';
import { Relief } from '#src/master/relief.js';
import { Roster } from '#src/master/roster.js';
import { Vacancies } from '#src/master/vacancies.js';
import type { WorkerState } from '#src/master/worker-process.js';

interface Worker {
  readonly slot: number;
  readonly state: WorkerState;
  readonly serves: boolean;
  readonly bootTook: number;
  readonly acceptingFor: number;
}

const OLD = 60_000;

function worker(slot: number, acceptingFor = OLD, state: WorkerState = 'accepting'): Worker {
  return { slot, state, serves: state === 'accepting', bootTook: 100, acceptingFor };
}

function stage(wanted: number, ...workers: readonly Worker[]) {
  const roster = new Roster<Worker>();
  roster.wanted = wanted;
  for (const each of workers) roster.slots.add(each);
  const started: number[] = [];
  const restrained: string[] = [];
  const vacancies = new Vacancies(new Portions(), (slot) => {
    if (!roster.slots.lacks(slot)) return;
    started.push(slot);
    roster.slots.add(worker(slot, 0, 'booting'));
  });
  const relief = new Relief(roster, vacancies, ({ slot }, by) => restrained.push(`${slot}: ${by}`));
  return { roster, slots: roster.slots, relief, vacancies, started, restrained };
}

test('for one that is to leave another one is started, and it leaves when that accepts', (t) => {
  const only = worker(1);
  const { relief, slots, started } = stage(1, only);
  relief.relieve(only);
  relief.relieve(only);
  t.deepEqual(started, [1]);
  t.true(slots.isOccupant(only) && slots.isDeparting(only));
});

test('for one that had only begun to accept, after a pause', (t) => {
  const young = worker(1, 10);
  const { relief, slots, started, vacancies } = stage(1, young);
  relief.relieve(young);
  t.deepEqual(started, []);
  t.true(slots.isDeparting(young) && vacancies.isPaused(1));
});

test('one beyond the wanted slots that is to leave is replaced only if it is to stay for good', (t) => {
  const [first, kept] = [worker(1), worker(2)];
  const { relief, roster, started } = stage(1, first, kept);
  relief.relieve(kept);
  relief.recycle();
  t.deepEqual(started, []);
  roster.wanted = 2;
  relief.recycle();
  t.deepEqual(started, [2]);
});

test('those that have reached a limit have their turns', (t) => {
  const [first, second] = [worker(1), worker(2)];
  const { relief, started, restrained } = stage(2, first, second);
  relief.spend(first);
  relief.spend(second);
  t.deepEqual([started, restrained], [[1], ['2: turn']]);
});

test('one that died is followed, at once or after a pause; where nobody is, it is a failure', (t) => {
  const [old, young] = [worker(1), worker(2, 10)];
  const { relief, started } = stage(2, old, young);
  t.is(relief.bury(old, true), 0);
  t.true(Number(relief.bury(young, true)) > 0);
  t.deepEqual(started, [1]);
  t.is(stage(1, old).relief.bury(old, false), 'failure');
});

test('nobody follows one that was not wanted, or was on its way out', (t) => {
  const [first, beyond] = [worker(1), worker(2)];
  const { relief, roster } = stage(1, first, beyond);
  t.is(relief.bury(beyond, true), undefined);
  roster.leave(first);
  t.is(relief.bury(first, false), undefined);
});

test('the substitute of one that died is there already; one that died itself is followed after a pause, whoever waits for it', (t) => {
  const only = worker(1);
  const { relief, slots, vacancies } = stage(1, only);
  relief.relieve(only);
  const [substitute] = slots.substitutes;
  t.is(relief.bury(only, false), 0);
  t.is(slots.occupant(1), substitute);
  const again = stage(1, only);
  again.relief.relieve(only);
  const pause = again.relief.bury(again.slots.substitutes[0] as Worker, false);
  t.true(Number(pause) > 0 && again.slots.isOccupant(only));
  t.false(vacancies.isPaused(1));
  // It waits for the same attempt, and not for another one.
  t.true(Number(again.relief.bury(only, false)) <= Number(pause) && again.slots.isEmpty(1));
});
