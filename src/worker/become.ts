/** In a worker that root has started, before one byte of the app is loaded: it becomes whom it is to run as. */
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Boot } from '../channel/worker-messages.js';
import { EXIT, HoldfastError } from '../errors.js';
import { adoptEnvironment, closedTo, drop, type Identity, openingOf } from '../privileges/index.js';

/**
 * Throws HoldfastError: something of root's would be left (exit 1), or the app is where that user cannot get (exit 4).
 * The environment comes last: as long as this is root, what is in the user's HOME is none of its business.
 */
export function become(identity: Identity, { app, cwd }: Pick<Boot, 'app' | 'cwd'>): void {
  drop(identity);
  adoptEnvironment(identity);
  refuseHidden(identity);
  const closed = closedTo(isAbsolute(app) ? app : `${cwd}/${app}`);
  if (closed === undefined) return;
  throw new HoldfastError(
    `cannot load ${app}: ${identity.label} may not enter ${closed} (${openingOf(closed, identity)}, or move the app to where that user may)`,
    EXIT.app,
  );
}

/** What a worker loads later, the packages of its log and the thread that watches it, it loads as that user. */
function refuseHidden(identity: Identity): void {
  const closed = closedTo(fileURLToPath(import.meta.url));
  if (closed === undefined) return;
  throw new HoldfastError(
    `cannot drop to ${identity.label}: it may not enter ${closed}, where Holdfast is (${openingOf(closed, identity)}, or install it elsewhere)`,
  );
}
