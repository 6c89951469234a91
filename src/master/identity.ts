/** Whom the workers become, and what that asks of a master that root has started (master). */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Log } from '../log/log.js';
import type { Opener } from '../log/log-file.js';
import { changeable, checkDrop, type Identity, openAs, resolveIdentity } from '../privileges/index.js';
import type { Settings } from '../settings/index.js';
import { clearInheritable } from '../sys/rights.js';
import type { Command } from './command.js';

/** Decided before anything is bound. Throws HoldfastError, exit 1: unknown, or not possible. */
export function workersIdentity(settings: Settings): Identity | undefined {
  const identity = resolveIdentity(settings);
  if (identity === undefined) return undefined;
  checkDrop(identity);
  clearInheritable();
  return identity;
}

/** The log is opened with the rights of those who are to go on writing it. */
export function logOpener(identity: Identity | undefined): Opener | undefined {
  if (identity === undefined || !isRoot()) return undefined;
  return { uid: identity.uid, open: (...file) => openAs(identity, ...file) };
}

/** What root executes, and the pidfile that root believes, should be root's alone. */
export function warnOfOthers(command: Command, settings: Settings, identity: Identity | undefined, log: Log): void {
  if (!isRoot()) return;
  const code = firstChangeable(executed(command, identity === undefined || identity.uid === 0 ? settings : undefined));
  if (code !== undefined) log.warning(null, `root executes ${code.file}, which is not root's alone: ${code.path} ${code.why}`);
  const pidfile = settings.pid === undefined ? undefined : changeable(dirname(settings.pid));
  if (pidfile !== undefined)
    log.warning(null, `root's kill may go elsewhere, for ${settings.pid} is not root's alone: ${pidfile.path} ${pidfile.why}`);
  if (identity?.uid === 0) log.warning(null, `${identity.label} leaves the workers root`);
  else if (identity !== undefined)
    log.info(null, `workers become ${identity.label}`, { uid: identity.uid, gid: identity.gid, groups: identity.groups });
}

function firstChangeable(files: readonly string[]) {
  for (const file of files) {
    const found = changeable(file);
    if (found !== undefined) return { file, ...found };
  }
  return undefined;
}

/** Where the next generation's program is looked for, up to where it is today: who can write there can put another one in its way. exec(3) */
function searched(program: string, directory: string, path = ''): string[] {
  if (program.includes('/')) return [];
  const places = path.split(':').map((place) => resolve(directory, place));
  const found = places.findIndex((place) => existsSync(join(place, program)));
  return places.slice(0, found + 1);
}

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** Files that this master runs, and the next one will: Holdfast with its packages, Node, what Node loads first; and the app, if root loads that. */
function executed({ argv, directory, env }: Command, rootLoads: Settings | undefined): string[] {
  const app = rootLoads === undefined ? [] : [resolve(directory, rootLoads.chdir ?? '', rootLoads.app.split('#')[0] ?? '')];
  const options = [...process.execArgv, ...(env['NODE_OPTIONS'] ?? '').split(' ')].map((word) => word.slice(word.indexOf('=') + 1));
  const typed = [argv[1 + process.execArgv.length] ?? '', ...options].filter((word) => word !== '').map((word) => resolve(directory, word));
  return [
    ...searched(argv[0], directory, env['PATH']),
    ...typed,
    fileURLToPath(import.meta.url),
    process.execPath,
    ...koffi(),
    ...app,
  ].filter((file) => existsSync(file));
}

/** The only package that is not among our own files. They may be gone already. */
function koffi(): string[] {
  return (createRequire(import.meta.url).resolve.paths('koffi') ?? []).map((folder) => join(folder, 'koffi', 'index.cjs'));
}
