/** Why a process could not be started (any role). */
import { existsSync } from 'node:fs';
import { messageOf } from '../errors.js';

/** Node names the program even where the directory is what is missing. */
export function spawnFailure(error: unknown, directory: string): string {
  const isMissing = error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENOENT' && !existsSync(directory);
  return isMissing ? `there is no directory ${directory}` : messageOf(error);
}
