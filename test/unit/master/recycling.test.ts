import test from 'ava';
import { restraint } from '#src/master/recycling.js';

const grown = { bootTook: 200, acceptingFor: 5_000 };
const calm = { wanted: 4, booting: 0, draining: 0 };

test('a worker that has served for a while is replaced at once', (t) => {
  t.is(restraint(grown, calm), undefined);
});

test('one that has only begun serves for a second, or for as long as it took to boot', (t) => {
  t.is(restraint({ bootTook: 200, acceptingFor: 999 }, calm), 'young');
  t.is(restraint({ bootTook: 200, acceptingFor: 1_000 }, calm), undefined);
  t.is(restraint({ bootTook: 8_000, acceptingFor: 7_999 }, calm), 'young');
  t.is(restraint({ bootTook: 8_000, acceptingFor: 8_000 }, calm), undefined);
});

for (const [wanted, most] of [
  [1, 1],
  [2, 1],
  [4, 1],
  [5, 2],
  [8, 2],
  [64, 16],
] as const) {
  test(`of ${wanted} workers ${most} at a time may be about to be replaced`, (t) => {
    t.is(restraint(grown, { ...calm, wanted, booting: most - 1 }), undefined);
    t.is(restraint(grown, { ...calm, wanted, booting: most }), 'turn');
  });
}

test('nobody is recycled while twice as many drain as serve', (t) => {
  t.is(restraint(grown, { ...calm, draining: 7 }), undefined);
  t.is(restraint(grown, { ...calm, draining: 8 }), 'drains');
});
