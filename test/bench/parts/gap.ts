/** The longest moment without an answer while Holdfast upgrades itself under a mixed load, and while it does not. */
import { startHoldfast } from '../../support/holdfast.js';
import { everyKind, type Report, startLoad } from '../../support/load/index.js';
import type { Effort, Part } from '../part.js';
import { inScope } from '../scope.js';
import { type Spread, spreadOf } from '../statistics.js';

const KEEP_ALIVE_MS = 5_000;
/** Answers, after the last step of an upgrade, that belong to it. */
const AFTER = 1_000;

const GAP = 'longest moment without an answer to anybody, upgrading under mixed load';
const SLOWEST = 'longest that one client waited for an answer that takes no time, upgrading under mixed load';
const AS_EVER = 'the same without an upgrade';

export function measureGap({ quick, progress }: Effort): Promise<Part> {
  return inScope(async (t) => {
    const holdfast = await startHoldfast(t, { args: ['-w', '2'], stopMs: 60_000 });
    const load = startLoad(t, { target: holdfast.target, mix: everyKind, keepAliveTimeoutMs: KEEP_ALIVE_MS, limitMs: 600_000 });
    await load.warm(5);
    const [quiet, upgrading] = [[] as Report[], [] as Report[]];
    const rounds = quick ? 1 : 15;
    for (let round = 1; round <= rounds; round += 1) {
      await load.mark();
      const { event, reason } = await holdfast.upgrade();
      if (event !== 'upgrade.done') throw new Error(`the upgrade was rolled back: ${reason}`);
      // The old workers begin to drain now.
      upgrading.push(await load.answeredAtLeast((await load.sinceMark()).total + AFTER));
      await load.mark();
      // As many answers as in the upgrade: the longer one looks, the longer is the longest.
      quiet.push(await load.answeredAtLeast(upgrading.at(-1)?.total ?? 0));
      progress(`gap, round ${round} of ${rounds}: ${said(upgrading)}, without an upgrade ${said(quiet)}`);
    }
    const { failed, total } = await load.stop();
    return {
      rows: [
        { what: GAP, goal: '20 ms', measured: longestGap(upgrading), unit: ' ms' },
        { what: AS_EVER, measured: longestGap(quiet), unit: ' ms' },
        { what: SLOWEST, measured: slowest(upgrading), unit: ' ms' },
        { what: AS_EVER, measured: slowest(quiet), unit: ' ms' },
      ],
      plots: [],
      versions: {},
      notes: [`of the ${total} exchanges of that load, through ${rounds} upgrades, ${failed} failed`],
    };
  });
}

function longestGap(reports: readonly Report[]): Spread {
  return spreadOf(reports.map(({ longestGapMs }) => longestGapMs));
}

function slowest(reports: readonly Report[]): Spread {
  return spreadOf(reports.map(({ slowestMs }) => slowestMs));
}

function said(reports: readonly Report[]): string {
  const last = reports.at(-1);
  return `${Math.round(last?.longestGapMs ?? 0)} ms, the slowest ${Math.round(last?.slowestMs ?? 0)} ms`;
}
