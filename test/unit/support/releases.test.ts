import { spawnSync } from 'node:child_process';
import { readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { type Fault, faults, Releases } from '../../support/releases.js';

const PATIENCE_MS = 20_000;
/** What is still running after this runs for ever. */
const LOOP_MS = 1_000;

/** Imports a release in a process of its own and tells what it exports. */
function load(dir: string, timeout = PATIENCE_MS) {
  const code = `const m = await import(${JSON.stringify(pathToFileURL(join(dir, 'server.js')).href)});
    const d = m.default; console.log(typeof d); if (d?.constructor?.name === 'AsyncFunction') await d();`;
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    timeout,
  });
  return { status, signal, stdout: stdout.trim(), stderr };
}

test('current leads to the release that it was pointed to', (t) => {
  const releases = new Releases(t, 2);
  t.is(realpathSync(releases.current), releases.dir(1));
  releases.point(2);
  t.is(realpathSync(releases.current), releases.dir(2));
  t.is(readlinkSync(releases.current), 'releases/2');
  t.is(load(releases.current).stdout, 'function');
  t.is(releases.add(), 3);
});

const expected: Record<Fault, Partial<ReturnType<typeof load>>> = {
  throws: { status: 1, stdout: '' },
  syntax: { status: 1, stdout: '' },
  exits: { status: 7 },
  loops: { signal: 'SIGTERM' },
  rejects: { status: 1, stdout: 'function' },
  rejectsLater: { status: 1 },
  listening: { status: 0, stdout: 'object' },
  number: { status: 0, stdout: 'number' },
  nothing: { status: 0, stdout: 'undefined' },
  probe: { status: 0, stdout: 'function' },
  missing: { status: 1, stdout: '' },
  deleted: { status: 1, stdout: '' },
};

for (const fault of faults) {
  test(`a bad release is bad: ${fault}`, (t) => {
    const releases = new Releases(t);
    const bad = releases.addBad(fault);
    releases.point(bad);
    t.like(load(releases.current, fault === 'loops' ? LOOP_MS : PATIENCE_MS), expected[fault]);
  });
}
