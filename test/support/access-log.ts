// Reads an access log of JSON lines, and says what is wrong with it.
import { readFileSync } from 'node:fs';

export interface AccessLine {
  readonly path: string;
  readonly query: string;
  readonly status: number;
  readonly bytes: number;
  readonly pid: number;
  readonly slot: number;
  readonly complete: boolean;
  readonly [key: string]: unknown;
}

/** Its lines, in order. @throws Error for a byte that is part of no whole line: a torn line, a hole, two that mixed */
export function accessLines(file: string): AccessLine[] {
  const text = readFileSync(file, 'latin1');
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error(`${file} ends within a line: ${JSON.stringify(text.slice(-200))}`);
  return lines.map((line, index) => {
    try {
      return JSON.parse(line) as AccessLine;
    } catch {
      throw new Error(`line ${index + 1} of ${file} is no whole one: ${JSON.stringify(line.slice(0, 300))}`);
    }
  });
}

/** The load's own number of each exchange that was answered. @throws Error where one stands there twice */
export function answeredNumbers(lines: readonly AccessLine[]): ReadonlySet<string> {
  const numbers = lines.filter(({ complete }) => complete).map(({ query }) => new URLSearchParams(query).get('n') ?? '');
  const once = new Set(numbers);
  if (once.size !== numbers.length) throw new Error(`${numbers.length - once.size} exchanges are logged twice`);
  return once;
}
