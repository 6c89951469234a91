/** The connections that wait on listeners which are about to be given up (master): whoever closes too early resets them. */
import { type Listener, queueLength, waitingAt } from '../listeners/index.js';
import { monotonic } from '../sys/monotonic.js';

/** For connections that go on coming to an address that is given up. Milliseconds. */
export const QUEUE_LIMIT = 1_000;
/** Milliseconds between two looks: the kernel tells nobody that a queue is empty. */
const POLL = 5;

/** Resolves when nothing waits on these, after `limit` milliseconds at the latest, or when nobody wants to know any more. */
export async function untilEmpty(listeners: readonly Listener[], limit: number, wanted: () => boolean): Promise<void> {
  await whileSo(() => wanted() && listeners.some((listener) => queueLength(listener) > 0), limit);
}

/** Resolves when nothing waits on sockets that only others hold, by the names that these were bound under, or after `limit` milliseconds. */
export async function untilNobodyWaits(names: readonly string[], limit: number): Promise<void> {
  await whileSo(() => names.some((name) => waitingAt(name) > 0), limit);
}

async function whileSo(holds: () => boolean, limit: number): Promise<void> {
  const end = monotonic() + limit;
  while (holds() && monotonic() < end) await new Promise((resolve) => setTimeout(resolve, POLL));
}
