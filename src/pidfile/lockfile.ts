/** proper-lockfile, which orders those who share a pidfile; runs in a master. As one file, and without graceful-fs: see rolldown.config.js. */
import { createRequire } from 'node:module';

type Lockfile = typeof import('proper-lockfile');

/** Not before our own signal handlers are there: it adds some of its own, and patches process.emit(), as soon as it is loaded. */
export function lockfile(): Lockfile {
  return createRequire(import.meta.url)('../start/proper-lockfile.cjs');
}
