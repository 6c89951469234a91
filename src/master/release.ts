/** Which release a generation runs: resolved when it starts and at HUP, and kept, wherever `current` points by then (master). */
import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { EXIT, HoldfastError } from '../errors.js';

export interface Release {
  /** The physical working directory of the workers. */
  readonly cwd: string;
  /** MODULE[#EXPORT], a file by its physical path. */
  readonly app: string;
}

/**
 * Resolve the app as typed. `directory` is the logical one of the first start, so that a moved symlink leads to the new release.
 * Throws HoldfastError when the directory is not there; whether the app is, its worker will say.
 */
export function resolveRelease(app: string, directory: string, chdir?: string): Release {
  const logical = chdir === undefined ? directory : resolve(directory, chdir);
  const cwd = physical(logical);
  if (cwd === undefined) throw closed(logical, 'no such directory');
  if (!statSync(cwd).isDirectory()) throw closed(logical, 'it is not a directory');
  if (!mayEnter(cwd)) throw closed(logical, 'permission denied');
  const [module, exported] = split(app);
  const file = physical(resolve(cwd, module));
  return { cwd, app: file === undefined ? app : file + exported };
}

function closed(directory: string, why: string): HoldfastError {
  return new HoldfastError(`cannot enter ${directory}: ${why} (it is where the app is started)`, EXIT.app);
}

/** Whether a replacement worker can still be started from it. */
export function isThere(release: Release): boolean {
  const [module] = split(release.app);
  return existsSync(release.cwd) && (!isAbsolute(module) || existsSync(module));
}

/** MODULE, and #EXPORT or nothing. */
function split(app: string): readonly [string, string] {
  const hash = app.lastIndexOf('#');
  return hash === -1 ? [app, ''] : [app.slice(0, hash), app.slice(hash)];
}

function mayEnter(directory: string): boolean {
  try {
    accessSync(directory, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function physical(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
