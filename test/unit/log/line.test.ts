import test from 'ava';
import { pino, stdTimeFunctions } from 'pino';
import { lineOf } from '#src/log/line.js';

const TIME = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
const who = { role: 'master', gen: 1, pid: 4711, name: 'shop' };

/** The same by pino itself, but for its clock. */
function byPino(fields: object, msg: string): string {
  let written = '';
  const write = (line: string) => {
    written += line;
  };
  const formatters = { level: (label: string) => ({ level: label }) };
  const log = pino({ base: who, customLevels: { warning: 40 }, timestamp: stdTimeFunctions.isoTime, formatters }, { write });
  log.warning(fields, msg);
  return written.replace(/"time":"[^"]*"/, `"time":"${new Date(TIME).toISOString()}"`);
}

test('a line is to the byte what pino writes', (t) => {
  const said: readonly (readonly [object, string])[] = [
    [{}, 'plain'],
    [{ event: 'listener.bound', address: '[::]:80' }, 'listening on [::]:80'],
    [{ nothing: null, absent: undefined, no: false, list: [1, 'two', null], deep: { deeper: { n: -0.5 } } }, 'of every kind'],
    [{ quoted: 'a "b" \\ c', control: '\u0000\u001b[31m\n\t', beyond: 'ß 漢 🐟 \u2028' }, 'line\nbreak and "quotes" and \u007f and 🐟'],
    [{ nan: Number.NaN, infinite: Number.POSITIVE_INFINITY, date: new Date(0) }, ''],
  ];
  for (const [fields, msg] of said) t.is(lineOf('warning', TIME, who, fields, msg), byPino(fields, msg));
});

test('what JSON cannot say costs the fields, not the line', (t) => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  for (const fields of [cycle, { big: 1n }])
    t.deepEqual(JSON.parse(lineOf('error', TIME, who, fields, 'x')), {
      level: 'error',
      time: new Date(TIME).toISOString(),
      ...who,
      msg: 'x',
    });
});
