/** The connections that wait on listeners which are about to be given up (master): whoever closes too early resets them. */
import { type Listener, queueLength } from '../listeners/index.js';
import { monotonic } from '../sys/monotonic.js';

/** Milliseconds between two looks: the kernel tells nobody that a queue is empty. */
const POLL = 5;

/** Resolves when nothing waits on these, after `limit` milliseconds at the latest, or when nobody wants to know any more. */
export async function untilEmpty(listeners: readonly Listener[], limit: number, wanted: () => boolean): Promise<void> {
  const end = monotonic() + limit;
  while (wanted() && listeners.some((listener) => queueLength(listener) > 0) && monotonic() < end)
    await new Promise((resolve) => setTimeout(resolve, POLL));
}
