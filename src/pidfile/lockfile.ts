/** proper-lockfile, which orders those who share a pidfile, without what it does not need; runs in a master. */
import { createRequire, Module } from 'node:module';

type Lockfile = typeof import('proper-lockfile');

const load = createRequire(import.meta.url);
let loaded: Lockfile | undefined;

export function lockfile(): Lockfile {
  loaded ??= loadWithout('graceful-fs', 'proper-lockfile');
  return loaded;
}

/**
 * graceful-fs is a copy of `fs` for who opens more files than there may be: longer to load than all the rest of proper-lockfile, and 1 MiB for as long as a
 * master lives. The lock is a directory; nothing is opened for it. So proper-lockfile finds `fs` in its place, and whoever asks later the real one.
 */
function loadWithout(copy: string, name: string): Lockfile {
  const at = createRequire(load.resolve(name)).resolve(copy);
  if (load.cache[at] !== undefined) return load(name);
  load.cache[at] = Object.assign(new Module(at), { exports: load('node:fs'), loaded: true });
  try {
    return load(name);
  } finally {
    delete load.cache[at];
  }
}
