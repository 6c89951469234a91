// How many workers accept, as the kernel sees it: a booting one holds the listener too, only one that accepts waits for it. Now and then,
// beside minutes of load; snapshots.ts looks all the time.
import { setTimeout as pause } from 'node:timers/promises';
import { listeningTargets, waitsFor } from './descriptors.js';
import type { Holdfast } from './holdfast.js';
import { ofProcess, rss } from './proc.js';
import type { Test } from './temp.js';

export interface AcceptingReport {
  readonly looks: number;
  /** The fewest workers that ever accepted at the same moment. */
  readonly fewest: number;
  /** The first few: when there were too few, milliseconds since the epoch, and who was there. */
  readonly lapses: readonly { readonly at: number; readonly accepting: readonly number[]; readonly living: readonly number[] }[];
  /** The most memory that one of those who accepted ever had, bytes. */
  readonly biggest: number;
}

export interface AcceptingWatch {
  stop(): Promise<AcceptingReport>;
}

/** Milliseconds. */
const BETWEEN = 20;
/** What is wrong for as long as a boot takes is wrong in each of so many looks; a look itself is no snapshot. */
const LOOKS = 3;
const KEPT = 5;

/** Looks again and again, until it is stopped. @param wanted so many should accept */
export function watchAccepting(t: Test, holdfast: Holdfast, wanted: number): AcceptingWatch {
  const targets = listeningTargets(holdfast.port);
  const seen = { looks: 0, fewest: Number.POSITIVE_INFINITY, biggest: 0, lapses: [] as AcceptingReport['lapses'][number][] };
  let stopped = false;
  const look = () => living(holdfast).filter((pid) => waitsFor(pid, targets));
  const run = async () => {
    while (!stopped) {
      let accepting = look();
      for (let again = 1; again < LOOKS && accepting.length < wanted; again += 1) accepting = look();
      seen.looks += 1;
      if (accepting.length < wanted && seen.lapses.length < KEPT) seen.lapses.push({ at: Date.now(), accepting, living: living(holdfast) });
      seen.fewest = Math.min(seen.fewest, accepting.length);
      seen.biggest = Math.max(seen.biggest, ...accepting.map((pid) => ofProcess(() => rss(pid)) ?? 0));
      await pause(BETWEEN);
    }
  };
  const ran = run();
  const stop = async () => {
    stopped = true;
    await ran;
    return seen;
  };
  t.teardown(() => void stop());
  return { stop };
}

/** From the oldest to the newest: if the old one was seen no longer to accept, the look at the new one comes later. */
function living(holdfast: Holdfast): number[] {
  const ended = new Set(holdfast.events('worker.exit').map((line) => line['worker']));
  return holdfast
    .events('worker.spawn')
    .map((line) => Number(line['worker']))
    .filter((pid) => !ended.has(pid));
}
