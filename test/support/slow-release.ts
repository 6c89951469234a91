// A release whose workers load only once a file is there: an upgrade can be held at "loading" for as long as a test needs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Releases } from './releases.js';

export interface SlowRelease {
  readonly release: number;
  /** Let it load. */
  open(): void;
}

export function addSlow(releases: Releases): SlowRelease {
  const gate = join(releases.root, `gate-${Math.random().toString(36).slice(2)}`);
  const release = releases.add(`
    import { existsSync } from 'node:fs';
    while (!existsSync(${JSON.stringify(gate)})) await new Promise((resolve) => setTimeout(resolve, 10));
    export { default } from './full.js';
  `);
  return { release, open: () => writeFileSync(gate, '') };
}
