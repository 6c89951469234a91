/**
 * The paths of unix sockets that a successor had given back, for their files were removed (master, a retiree that returns). Its workers accept there
 * until ours do, and only then is the path ours: at every moment it leads to somebody who accepts.
 */
import type { BoundFile } from '../channel/master-messages.js';
import { messageOf } from '../errors.js';
import { type Address, type Listener, listen, reclaimListener } from '../listeners/index.js';
import type { Log } from '../log/log.js';

/** What a dead successor had bound, and how to bind in its place. */
export interface Heirs {
  readonly files: readonly BoundFile[];
  readonly backlog: number;
  readonly log: Log;
}

/** Another socket for the path of this one, if an heir stands there; it bears a draft name until `publish`. */
export function reclaimed(listener: Listener, asked: Address | undefined, { files, backlog }: Heirs): Listener | undefined {
  const heir = files.find(({ path }) => listener.address === `unix:${path}`);
  return heir === undefined ? undefined : reclaimListener(listener, asked, backlog, heir);
}

/** Those of these that waited for our workers to accept. */
export function publish(all: readonly Listener[], backlog: number, log: Log): void {
  for (const listener of all.filter(({ socketFile }) => socketFile?.instead !== undefined)) {
    try {
      listen(listener, backlog);
      log.info('listener.bound', `listening on ${listener.bound} again, in the place of a dead master`, {
        address: listener.bound,
        sockets: 1,
      });
    } catch (error) {
      log.warning(null, messageOf(error));
    }
  }
}
