// Options that change between generations, though a master is started again by the very same command line.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HoldfastOptions } from './launch.js';
import { fixture } from './paths.js';
import { type Test, tempDir } from './temp.js';

export interface Launcher {
  /** What to give to `startHoldfast`. */
  readonly options: Pick<HoldfastOptions, 'command' | 'env'>;
  /** What the next generation is started with: `-w 2 --reuse-port`. */
  write(args: string): void;
}

export function launcher(t: Test, args: string): Launcher {
  const file = join(tempDir(t), 'options');
  const write = (text: string) => writeFileSync(file, text);
  write(args);
  return { options: { command: fixture('launcher.mjs'), env: { OPTIONS_FILE: file } }, write };
}
