import type { ExecutionContext } from 'ava';
import type { Holdfast } from './holdfast.js';

const TRIES = 5;

/** An upgrade that has to commit, where `--upgrade-timeout` is short for the test's sake: on a busy machine it may pass, and then one tries again. */
export async function commitInTime(t: ExecutionContext, holdfast: Holdfast): Promise<void> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const { event, reason } = await holdfast.upgrade();
    if (event === 'upgrade.done') return;
    t.regex(String(reason), /--upgrade-timeout$/);
  }
  t.fail(`not in ${TRIES} tries`);
}
