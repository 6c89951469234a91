/** What `--workers auto` means (any role). */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

const CGROUPS = '/sys/fs/cgroup';

/**
 * Processors that this process may use, at least 1: its affinity, and the quota of its control group and of those above, rounded up.
 * Node 20 knows only the affinity. sched_getaffinity(2), cgroups(7), cpu.max of the kernel's cgroup-v2.
 * @param read a file's text; undefined when it cannot be read
 */
export function processors(read: (path: string) => string | undefined = readText, affinity = availableParallelism()): number {
  return Math.max(1, Math.min(affinity, ...quotas(read)));
}

function quotas(read: (path: string) => string | undefined): number[] {
  const own = /^0::(\/.*)$/m.exec(read('/proc/self/cgroup') ?? '')?.[1];
  if (own === undefined) return [];
  const unified = ancestry(own).map((group) => read(join(CGROUPS, group, 'cpu.max')));
  return unified.flatMap((text) => {
    const [quota, period] = (text ?? '').split(' ').map(Number);
    // "max 100000" is no limit.
    return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? [Math.ceil(quota / period)] : [];
  });
}

/** /a/b, /a, / */
function ancestry(group: string): string[] {
  return group === '/' ? ['/'] : [group, ...ancestry(dirname(group))];
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
