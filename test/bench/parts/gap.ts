/** The longest moment without an answer while Holdfast upgrades itself under a mixed load, and while it does not. */
import { startHoldfast } from '../../support/holdfast.js';
import { everyKind, startLoad } from '../../support/load/index.js';
import type { Effort, Part } from '../part.js';
import { inScope } from '../scope.js';
import { spreadOf } from '../statistics.js';

const KEEP_ALIVE_MS = 5_000;
/** Answers after which an upgrade's effect is over. */
const ANSWERS = 300;

export function measureGap({ quick, progress }: Effort): Promise<Part> {
  return inScope(async (t) => {
    const holdfast = await startHoldfast(t, { args: ['-w', '2'], stopMs: 60_000 });
    const load = startLoad(t, { target: holdfast.target, mix: everyKind, keepAliveTimeoutMs: KEEP_ALIVE_MS, limitMs: 600_000 });
    await load.warm(5);
    const [quiet, upgrading] = [[] as number[], [] as number[]];
    const rounds = quick ? 1 : 15;
    for (let round = 1; round <= rounds; round += 1) {
      await load.mark();
      // As many as an upgrade is measured by, below.
      quiet.push((await load.answeredAtLeast(2 * ANSWERS)).longestGapMs);
      await load.mark();
      const { event, reason } = await holdfast.upgrade();
      if (event !== 'upgrade.done') throw new Error(`the upgrade was rolled back: ${reason}`);
      await load.answeredAtLeast(2 * ANSWERS);
      upgrading.push((await load.sinceMark()).longestGapMs);
      progress(
        `gap, round ${round} of ${rounds}: ${Math.round(upgrading.at(-1) ?? 0)} ms, without an upgrade ${Math.round(quiet.at(-1) ?? 0)} ms`,
      );
    }
    const { failed, total } = await load.stop();
    return {
      rows: [
        { what: 'longest moment without an answer, upgrading under mixed load', goal: '20 ms', measured: spreadOf(upgrading), unit: ' ms' },
        { what: 'the same without an upgrade', measured: spreadOf(quiet), unit: ' ms' },
      ],
      plots: [],
      versions: {},
      notes: [`of the ${total} exchanges of that load, through ${rounds} upgrades, ${failed} failed`],
    };
  });
}
