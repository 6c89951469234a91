// File systems that are full, or read-only: only root may have such.
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, tempDir } from './temp.js';

/** Whether this process may mount(2); says so where it may not, for what needs it is skipped then. */
export const mayMount = process.getuid?.() === 0 && tried();

if (!mayMount) console.log('SKIPPED, for only root can mount a small or a read-only disk, and not everywhere');

/** In a mount namespace of its own: nothing is left of it. */
function tried(): boolean {
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A directory of this test's own with a file system that holds a dozen files. */
export function mountSmall(t: Test): string {
  const dir = tempDir(t);
  mount(t, dir, ['-t', 'tmpfs', '-o', 'size=64k,nr_inodes=12', 'none', dir]);
  return dir;
}

/** Until the end of the test, or `undo`, nothing can be created, renamed or removed in it by its path. What is open already stays as it is. */
export function makeReadOnly(t: Test, dir: string): { undo(): void } {
  const undo = mount(t, dir, ['--bind', dir, dir]);
  execFileSync('mount', ['-o', 'remount,bind,ro', dir]);
  return { undo };
}

/** No further file finds room in it, until `undo`. */
export function fill(dir: string): { undo(): void } {
  try {
    for (let made = 0; ; made += 1) writeFileSync(join(dir, `full-${made}`), '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
  const undo = () => {
    for (const name of readdirSync(dir)) if (name.startsWith('full-')) rmSync(join(dir, name));
  };
  return { undo };
}

function mount(t: Test, dir: string, args: readonly string[]): () => void {
  execFileSync('mount', args);
  let mounted = true;
  const undo = () => {
    // Lazily: a process that the teardown is about to end may still be in it.
    if (mounted) execFileSync('umount', ['-l', dir]);
    mounted = false;
  };
  t.teardown(undo);
  return undo;
}
