import type { ExecutionContext } from 'ava';
import type { Report } from './report.js';

/** Asserts that not one exchange failed, and that every kind of the mix had answers. */
export function assertLossless(t: Pick<ExecutionContext, 'deepEqual' | 'log'>, report: Report): void {
  const { total, failed, failures, perKind } = report;
  const silent = Object.entries(perKind).filter(([, counts]) => counts.total === counts.failed);
  if (failed > 0) t.log(`${failed} of ${total} exchanges failed`, summary(report));
  t.deepEqual({ failed, failures: failures.slice(0, 10), silent }, { failed: 0, failures: [], silent: [] });
}

/** How many failures of which kind and reason there were, of the first hundred. */
export function summary({ failures }: Pick<Report, 'failures'>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind, reason } of failures) counts[`${kind} ${reason}`] = (counts[`${kind} ${reason}`] ?? 0) + 1;
  return counts;
}
