// A release whose workers load only once a file is there: an upgrade can be held at "loading" for as long as a test needs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Releases } from './releases.js';

export interface SlowRelease {
  readonly release: number;
  /** Let it load. */
  open(): void;
}

/** @param app what it does then; it serves `full.js` if not given */
export function addSlow(releases: Releases, app = `export { default } from './full.js';`): SlowRelease {
  const gate = join(releases.root, `gate-${Math.random().toString(36).slice(2)}`);
  const release = releases.add(`
    import { existsSync } from 'node:fs';
    while (!existsSync(${JSON.stringify(gate)})) await new Promise((resolve) => setTimeout(resolve, 10));
    ${app}
  `);
  return { release, open: () => writeFileSync(gate, '') };
}
