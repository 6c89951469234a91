// What a master does about the end of another process, it does a moment after the kernel shows that end to everybody.
import type { Holdfast } from './holdfast.js';
import { hasLetGo } from './proc.js';
import { waitFor } from './wait.js';

/**
 * Waits until `ended` has closed everything, and the master in charge has dealt with what came to it until then: of what is ready, libuv takes
 * signals last. Wants `--log-level debug`.
 */
export async function caughtUp(holdfast: Holdfast, ended: readonly number[]): Promise<void> {
  await waitFor(() => ended.every(hasLetGo), 20_000, `the end of ${ended}`);
  const after = holdfast.log.length;
  const master = holdfast.signal('SIGUSR1');
  await holdfast.says(/^got SIGUSR1$/, ({ pid }) => pid === master, { after });
}
