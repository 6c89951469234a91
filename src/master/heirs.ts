/**
 * The paths of unix sockets that a successor had given back, for their files were removed (master, an incumbent or a retiree that goes on without it).
 * Its workers accept there until ours do, and only then is the path ours: at every moment it leads to somebody who accepts.
 */
import type { BoundFile } from '../channel/master-messages.js';
import { messageOf } from '../errors.js';
import { type Address, type Listener, listen, reclaimListener } from '../listeners/index.js';
import type { Log } from '../log/log.js';

/** What the successor had bound, and how to bind in its place. */
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

/** Those of these that waited for our workers to accept, and what they are from then on: in nobody's place any more. */
export function publish(all: readonly Listener[], backlog: number, log: Log): readonly (readonly [Listener, Listener])[] {
  return all.flatMap((listener) => {
    const { socketFile } = listener;
    if (socketFile?.instead === undefined) return [];
    try {
      listen(listener, backlog);
    } catch (error) {
      log.warning(null, messageOf(error));
      return [];
    }
    log.info('listener.bound', `listening on ${listener.bound} again, in the place of another master`, {
      address: listener.bound,
      sockets: 1,
    });
    const { instead: _, ...file } = socketFile;
    return [[listener, { ...listener, socketFile: file }]];
  });
}
