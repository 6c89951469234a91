/** What a generation had given up for a successor that died (master): the generation returns, and listens there again. */
import { messageOf } from '../errors.js';
import { type Address, closeListener, type Listener, listen, reopenListener } from '../listeners/index.js';
import { type Heirs, reclaimed } from './heirs.js';
import { withOthers } from './own-sockets.js';

/** The sockets of one address that were closed, as many as they were. None, and a warning, where it cannot be had any more. */
export function boundAgain(
  closed: readonly Listener[],
  asked: (listener: Listener) => Address | undefined,
  heirs: Heirs,
): readonly Listener[] {
  const [one] = closed;
  if (one === undefined) return [];
  const { backlog, log } = heirs;
  let all: readonly Listener[] = [];
  try {
    const quiet = reclaimed(one, asked(one), heirs);
    if (quiet !== undefined) return [quiet];
    const first = reopenListener(one, asked(one), backlog);
    all = [first];
    if (closed.length > 1) all = withOthers(all, closed.length, log);
    for (const other of all.slice(1)) listen(other, backlog);
    log.info('listener.bound', `listening on ${first.bound} again`, { address: first.bound, sockets: all.length });
    return all;
  } catch (error) {
    // One that listens and that nobody knows of would let clients wait for ever.
    for (const listener of all) closeListener(listener);
    log.warning(null, messageOf(error));
    return [];
  }
}
