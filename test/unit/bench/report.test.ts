import test from 'ava';
import type { Part } from '../../bench/part.js';
import { report } from '../../bench/report.js';

const head = { date: '2026-01-01', machine: 'a machine', quick: false, busyness: 0 };
const nothing: Part = { rows: [], plots: [], versions: {}, notes: [] };

test('what was lost is told each time and in all, and none of it stands out', (t) => {
  const some = { total: 12_345, failed: 20, closed: 16 };
  const none = { total: 900, failed: 0, closed: 0 };
  const page = report([{ ...nothing, loss: [{ subject: 'a peer', operation: 'HUP', times: 8, mixed: some, hot: none }] }], head);
  t.true(page.includes('| a peer | HUP, 8 times | 4.50 | 20 + 16, of 12k | **0** | 0 + 0, of 900 |'), page);
});

test('a remark stands under the table of ratios', (t) => {
  const measured = { median: 0.981, low: 0.97, high: 1, count: 12 };
  const page = report(
    [{ ...nothing, rows: [{ what: 'ours over theirs', goal: '2', measured, unit: '' }], remarks: ['Out of reach.'] }],
    head,
  );
  t.regex(page, /\| ours over theirs \| 2 \| \*\*0\.98\*\* \| 0\.97 to 1, of 12 \|\n\nOut of reach\.\n/);
});
