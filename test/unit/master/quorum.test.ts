import test from 'ava';
import { suffices } from '#src/master/quorum.js';

test('nobody is awaited, one of them, or all but those that cannot be had now', (t) => {
  const nobody = { serves: false, limps: false };
  const one = { serves: true, limps: false };
  const allThatCanBeHad = { serves: true, limps: true };
  const answers = (['none', 'one', 'all'] as const).map((quorum) => [nobody, one, allThatCanBeHad].map((those) => suffices(quorum, those)));
  t.deepEqual(answers, [
    [false, false, false],
    [false, true, true],
    [false, false, true],
  ]);
});
