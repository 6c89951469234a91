// The signals are one table in the code; whatever else tells of them is checked against it.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'ava';
import { SIGNALS } from '#src/master/signals.js';
import { helpText } from '#src/settings/index.js';
import { documentation } from '../../support/paths.js';

const short = (signal: string) => signal.replace(/^SIG/, '');
const table = Object.entries(SIGNALS).map(([signal, sentence]) => [short(signal), sentence]);

// A link says no more than its words.
test('docs/signals.md says of each signal what the table says, and names no other', (t) => {
  const text = readFileSync(documentation('signals.md'), 'utf8');
  const rows = text.split('\n').filter((line) => /^\| [A-Z]/.test(line));
  t.deepEqual(
    rows.map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll(/\[(.+?)\]\(.+?\)/g, '$1')),
    ),
    table,
  );
});

test('--help names each of them, and no other', (t) => {
  const [, section = ''] = /Signals to the master:\n((?: {2}.*\n)+)/.exec(helpText()) ?? [];
  const named = section.split('\n').flatMap((line) => /^ {2}([A-Z0-9, ]+?) {2}/.exec(line)?.[1]?.split(', ') ?? []);
  t.deepEqual(named.sort(), table.map(([name]) => name).sort());
});

test('the entry traps each of them before anything else is loaded, and no other', (t) => {
  const code = `await import('#src/cli/trap.js'); console.log(JSON.stringify(process.eventNames().filter((name) => /^SIG/.test(name))));`;
  const trapped = JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })) as string[];
  t.deepEqual(trapped.sort(), Object.keys(SIGNALS).sort());
});
