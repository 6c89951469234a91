/** Which release a generation runs: resolved when it starts and at HUP, and kept, wherever `current` points by then (master). */
import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { EXIT, HoldfastError } from '../errors.js';
import type { Log } from '../log/log.js';
import type { Settings } from '../settings/index.js';
import type { Command } from './command.js';

export interface Release {
  /** The physical working directory of the workers. */
  readonly cwd: string;
  /** MODULE[#EXPORT], a file by its physical path. */
  readonly app: string;
}

/** What leads to a release. */
interface Path {
  readonly settings: Pick<Settings, 'app' | 'chdir'>;
  readonly command: Pick<Command, 'directory'>;
}

/** Where the command line leads to now. Throws HoldfastError, exit 4: there is no such directory, or it may not be entered. */
export function currentRelease({ settings, command }: Path): Release {
  return resolveRelease(settings.app, command.directory, settings.chdir);
}

/** A generation runs one release; only if its files are gone are those looked for that the path as typed leads to now. It never throws. */
export function pinnedOrOther(pinned: Release, origin: Path & { readonly log: Log }): Release {
  if (isThere(pinned)) return pinned;
  try {
    const other = currentRelease(origin);
    if (other.cwd !== pinned.cwd || other.app !== pinned.app)
      origin.log.warning(null, `${pinned.cwd} is gone; a worker is started from ${other.cwd}, another release than its siblings`);
    return other;
  } catch {
    // Its worker will say so.
    return pinned;
  }
}

/** `directory` is the logical one of the first start, so that a moved symlink leads to the new release. Whether the app is there, its worker will say. */
function resolveRelease(app: string, directory: string, chdir?: string): Release {
  const logical = chdir === undefined ? directory : resolve(directory, chdir);
  const cwd = physical(logical);
  if (cwd === undefined) throw closed(logical, 'no such directory');
  // It may be gone by now, and this is asked for each worker that is started.
  if (statSync(cwd, { throwIfNoEntry: false })?.isDirectory() !== true) throw closed(logical, 'it is not a directory');
  if (!mayEnter(cwd)) throw closed(logical, 'permission denied');
  const [module, exported] = split(app);
  const file = physical(resolve(cwd, module));
  return { cwd, app: file === undefined ? app : file + exported };
}

function closed(directory: string, why: string): HoldfastError {
  return new HoldfastError(`cannot enter ${directory}: ${why} (it is where the app is started)`, EXIT.app);
}

/** Whether a replacement worker can still be started from it. */
function isThere(release: Release): boolean {
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
