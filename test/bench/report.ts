/** From what was measured to a page of the documentation. Pure. */
import type { Failed, Loss, Part, Plot, Row } from './part.js';
import { type Spread, slopes } from './statistics.js';

export interface Head {
  /** Of the day, as ISO 8601 has it. */
  readonly date: string;
  readonly machine: string;
  readonly quick: boolean;
  readonly busyness: number;
}

const QUIET = 0.5;

export function report(parts: readonly Part[], head: Head): string {
  const rows = parts.flatMap((part) => part.rows);
  const loss = parts.flatMap((part) => part.loss ?? []);
  const plots = parts.flatMap((part) => part.plots);
  return `${[
    '# Benchmarks',
    '<!-- Written by `npm run bench`; run that. -->',
    "What Holdfast costs, and what it loses, beside its peers: the same clients, the same machine, one run. Ratios, because a machine's absolute figures say\nnothing about yours. Measured in turns, each turn's figure divided by that of its neighbour; the median, and between which values half of the turns lay.",
    `Measured on ${head.date}: ${[head.machine, ...versions(parts)].join(', ')}.`,
    ...warnings(head),
    '## Costs',
    costs(rows),
    ...parts.flatMap((part) => part.remarks ?? []),
    ...plots.flatMap((plot) => (plot.is === 'lines' ? [`### ${plot.title}`, scaling(plot)] : [])),
    ...(loss.length === 0 ? [] : ['## Losses', LOSSES, lossTable(loss)]),
    ...plots.map(({ name, title }) => `![${title}](benchmarks-${name}.svg)`),
    '## How it was measured',
    parts
      .flatMap((part) => part.notes)
      .map((note) => `- ${note}`)
      .join('\n'),
    '`npm run bench` measures everything again, in ten minutes, and writes this page; it says what it misses and goes on without that. On a machine\nthat does something else meanwhile the figures are worth nothing.',
  ].join('\n\n')}\n`;
}

const LOSSES = `While each replaced itself again and again. *Lost*: what failed and what was closed, each time that it replaced itself. *Failed*: requests that were refused,
reset, cut off or not answered, of all that were made. *Closed*: idle keep-alive connections that were closed before their time without a word; the
client found out before it asked again, and a little later it would have been one that failed. Which of the two it is, a millisecond decides, and so it is
another number in each run; their sum is not. The clients are raw sockets that never retry.`;

function warnings({ quick, busyness }: Head): string[] {
  return [
    ...(quick ? ['**A smoke run, whose figures mean nothing.**'] : []),
    ...(busyness > QUIET
      ? [`**The machine was busy (a load of ${busyness.toFixed(1)} before the start): measure again on a quiet one.**`]
      : []),
  ];
}

function versions(parts: readonly Part[]): string[] {
  const all = Object.assign({}, ...parts.map((part) => part.versions)) as Record<string, string>;
  return Object.entries(all)
    .filter(([name]) => !/^bare node|^node:/.test(name))
    .map(([name, version]) => `${name} ${version}`);
}

function costs(rows: readonly Row[]): string {
  const lines = rows.map(({ what, goal = '', measured, unit }) => [what, goal, `**${figure(measured.median)}${unit}**`, spread(measured)]);
  return table(['', 'goal', 'measured', 'half of the turns'], lines);
}

/** Linear is what costs at its end what it costs at its beginning. */
function scaling({ x, lines }: Extract<Plot, { readonly is: 'lines' }>): string {
  const xs = lines[0]?.points.map((point) => point.x) ?? [];
  const rows = lines.map(({ label, points }) => {
    const { first, last } = slopes(points);
    return [label, ...points.map(({ y }) => figure(y)), figure(first), figure(last)];
  });
  const one = `one more of the ${x}`;
  return table([x, ...xs.map(String), `${one}, at first`, `${one}, at last`], rows);
}

function spread({ low, high, count }: Spread): string {
  return count === 1 ? 'one turn' : `${figure(low)} to ${figure(high)}, of ${count}`;
}

/** Three digits are more than a benchmark knows. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 100) return String(Math.round(value));
  return size < 0.005 ? '0' : value.toFixed(size >= 10 ? 1 : 2);
}

function lossTable(loss: readonly Loss[]): string {
  const lines = loss.map(({ subject, operation, times, mixed, hot }) => [
    subject === 'Holdfast' ? `**${subject}**` : subject,
    `${operation}, ${times} ${times === 1 ? 'time' : 'times'}`,
    ...lost(mixed, times),
    ...lost(hot, times),
  ]);
  return table(['', 'operation', 'mixed: lost', 'failed + closed, of all', 'hot: lost', 'failed + closed, of all'], lines);
}

function lost({ failed, closed, total }: Failed, times: number): [string, string] {
  const all = total >= 10_000 ? `${Math.round(total / 1_000)}k` : total;
  return [emphasised((failed + closed) / times), `${failed} + ${closed}, of ${all}`];
}

/** None is what everybody wants. */
function emphasised(count: number): string {
  return count === 0 ? '**0**' : figure(count);
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [row(head), row(head.map(() => '---')), ...lines.map(row)].join('\n');
}
