/** In the worker: which file the operator means. */
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isAbsolute, join, resolve } from 'node:path';
import { HoldfastError } from '../errors.js';

/**
 * A file of the working directory if there is one of this name, else a package seen from there. As in `node FILE`, an extension
 * `.js` and a directory's `index.js` may be left out.
 *
 * @returns an absolute path
 * @throws HoldfastError when there is neither
 */
export function resolveModule(module: string, cwd: string): string {
  const { resolve: find } = createRequire(join(cwd, 'holdfast'));
  const path = resolve(cwd, module);
  if (isFile(path)) return path;
  const isPath = isAbsolute(module) || /^\.\.?(\/|$)/.test(module);
  try {
    return find(isPath ? path : module);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
      throw new HoldfastError('it is a directory without an index.js or a "main" (name the file)');
    throw new HoldfastError(isAbsolute(module) ? 'no such file' : `no such ${isPath ? 'file' : 'file or package'} (looked in ${cwd})`);
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
