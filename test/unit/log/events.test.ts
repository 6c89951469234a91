// The names of the events are a promise, so each has its row in the documentation.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { documentation } from '../../support/paths.js';

test('docs/logs.md has a row for each event, and names no other', (t) => {
  const promised = [...readFileSync('src/log/events.ts', 'utf8').matchAll(/\| '([a-z.]+)'/g)].map(([, name]) => name);
  const rows = [...readFileSync(documentation('logs.md'), 'utf8').matchAll(/^\| `([a-z]+\.[a-z]+)` \|/gm)].map(([, name]) => name);
  t.true(promised.length > 10);
  t.deepEqual([...rows].sort(), [...promised].sort());
});
