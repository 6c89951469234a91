/** SVG, small enough to be read: bars with whiskers, and lines. Pure. The colours stand out from a light page and from a dark one. */
import type { Bar, Line, Plot } from './part.js';
import { figure } from './report.js';

const [INK, RULE, OURS, THEIRS] = ['#76808c', '#8b949e55', '#2f81f7', '#8b949e'] as const;
const LINES = ['#2f81f7', '#d2822a', '#3fa45b'] as const;
const [WIDTH, LEFT, RIGHT, TOP, ROW] = [760, 290, 70, 44, 26] as const;
const INNER = WIDTH - LEFT - RIGHT;

export function svgOf(plot: Plot): string {
  return plot.is === 'bars' ? bars(plot.title, plot.unit, plot.bars) : lines(plot.title, plot.x, plot.lines);
}

function bars(title: string, unit: string, all: readonly Bar[]): string {
  const most = Math.max(...all.map(({ value }) => Math.max(value.median, value.high)));
  const at = (value: number) => LEFT + (value / most) * INNER;
  const rows = all.map(({ label, value, ours }, row) => {
    const y = TOP + row * ROW;
    const middle = y + ROW / 2;
    return [
      text(LEFT - 8, middle + 4, label, 'end', ours),
      `<rect x="${LEFT}" y="${y + 5}" width="${px(at(value.median) - LEFT)}" height="${ROW - 10}" rx="2" fill="${ours ? OURS : THEIRS}"/>`,
      `<path d="M${px(at(value.low))} ${middle}H${px(at(value.high))}" stroke="${INK}" stroke-width="2"/>`,
      text(
        at(Math.max(value.median, value.high)) + 6,
        middle + 4,
        `${figure(value.median)}${unit === '' ? '' : ` ${unit}`}`,
        'start',
        ours,
      ),
    ].join('');
  });
  return document(title, TOP + all.length * ROW + 12, rows);
}

/** Both axes count in powers of ten, for what is drawn into one is of very different sizes. */
function lines(title: string, x: string, all: readonly Line[]): string {
  const height = 300;
  const [left, right, top, bottom] = [70, 230, TOP + 6, 46];
  const points = all.flatMap((line) => line.points);
  const across = scale(
    points.map((point) => point.x),
    left,
    WIDTH - right,
  );
  const up = scale(
    points.map((point) => point.y),
    height - bottom,
    top,
  );
  const xs = [...new Set(points.map((point) => point.x))];
  const grid = up.powers.map(
    (y) => `<path d="M${left} ${px(up.at(y))}H${WIDTH - right}" stroke="${RULE}"/>${text(left - 8, up.at(y) + 4, String(y), 'end')}`,
  );
  const axis = xs.map((value) => text(across.at(value), height - bottom + 20, String(value), 'middle'));
  const drawn = all.map(({ label, points }, index) => {
    const colour = LINES[index % LINES.length] ?? INK;
    const path = points.map((point, n) => `${n === 0 ? 'M' : 'L'}${px(across.at(point.x))} ${px(up.at(point.y))}`).join('');
    const dots = points
      .map((point) => `<circle cx="${px(across.at(point.x))}" cy="${px(up.at(point.y))}" r="3.5" fill="${colour}"/>`)
      .join('');
    const key = `<rect x="${WIDTH - right + 14}" y="${top + index * 24 + 2}" width="12" height="4" fill="${colour}"/>`;
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots}${key}${text(WIDTH - right + 32, top + index * 24 + 8, label, 'start')}`;
  });
  return document(title, height, [...grid, ...axis, text((left + WIDTH - right) / 2, height - 8, x, 'middle'), ...drawn]);
}

interface Scale {
  readonly at: (value: number) => number;
  readonly powers: readonly number[];
}

/** Logarithmic, from the power of ten below the least to the one above the most. */
function scale(values: readonly number[], from: number, to: number): Scale {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const powers = Array.from({ length: high - low + 1 }, (_, n) => 10 ** (low + n));
  return { powers, at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from) };
}

function document(title: string, height: number, body: readonly string[]): string {
  const font = 'font-family="system-ui, -apple-system, Segoe UI, DejaVu Sans, sans-serif" font-size="13"';
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" ${font}>`;
  return `${[head, `<title>${escaped(title)}</title>`, text(12, 24, title, 'start', true), ...body, '</svg>'].join('\n')}\n`;
}

function text(x: number, y: number, what: string, anchor: 'start' | 'middle' | 'end', bold = false): string {
  return `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}" fill="${INK}"${bold ? ' font-weight="600"' : ''}>${escaped(what)}</text>`;
}

function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(what: string): string {
  return what.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
