import test from 'ava';
import { Patience } from '../../support/patience.js';
import { waitFor } from '../../support/wait.js';

/** Milliseconds, with a processor all the while. */
function pass(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test('a turn that comes late costs little of it, and what was done in a turn costs all', (t) => {
  const patience = new Patience(100);
  pass(200);
  patience.sleep(10);
  t.false(patience.over);
  pass(200);
  patience.spend();
  t.true(patience.over);
});

test('it ends all the same: so many late turns are enough', (t) => {
  const patience = new Patience(60);
  for (const isLast of [false, true]) {
    pass(50);
    patience.sleep(10);
    t.is(patience.over, isLast);
  }
});

test('who waits in vain is told after its time, and what an answer takes belongs to it', async (t) => {
  const before = performance.now();
  await t.throwsAsync(
    waitFor(() => false, 100, 'nothing'),
    { message: 'waited 100 ms for nothing' },
  );
  t.true(performance.now() - before >= 100);
  let asked = 0;
  const slow = async () => {
    asked += 1;
    await new Promise((resolve) => setTimeout(resolve, 150));
    return false;
  };
  await t.throwsAsync(waitFor(slow, 100, 'nothing'));
  t.is(asked, 1);
});
