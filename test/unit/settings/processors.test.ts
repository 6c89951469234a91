import test from 'ava';
import { processors } from '#src/settings/processors.js';

/** A file system of a few files. */
const reading = (files: Readonly<Record<string, string>>) => (path: string) => files[path];

test('without control groups the affinity counts', (t) => {
  t.is(processors(reading({}), 4), 4);
  t.is(processors(reading({ '/proc/self/cgroup': '1:cpu:/x\n' }), 4), 4);
});

test('a quota of the own group limits it, rounded up', (t) => {
  const files = { '/proc/self/cgroup': '0::/a/b\n', '/sys/fs/cgroup/a/b/cpu.max': '150000 100000\n' };
  t.is(processors(reading(files), 8), 2);
});

test('so does a quota of a group above', (t) => {
  const files = {
    '/proc/self/cgroup': '0::/a/b\n',
    '/sys/fs/cgroup/a/b/cpu.max': 'max 100000\n',
    '/sys/fs/cgroup/a/cpu.max': '50000 100000\n',
  };
  t.is(processors(reading(files), 8), 1);
});

test('no limit and a generous one leave the affinity', (t) => {
  const files = (max: string) => ({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': max });
  t.is(processors(reading(files('max 100000\n')), 2), 2);
  t.is(processors(reading(files('900000 100000\n')), 2), 2);
});
