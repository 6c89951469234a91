import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

/** What the support needs of AVA's `t`. */
export type Test = Pick<ExecutionContext, 'teardown' | 'log' | 'passed'>;

/** A directory of this test's own (a physical path), removed in its teardown. */
export function tempDir(t: Test): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-test-')));
  t.teardown(() => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}
