// What a master does about the end of another process, it does a moment after the kernel shows that end to everybody.
import type { Holdfast } from './holdfast.js';

/** Waits until the master in charge has dealt with all that had come to it by now: of what is ready, libuv takes signals last. Wants `--log-level debug`. */
export async function caughtUp(holdfast: Holdfast): Promise<void> {
  const after = holdfast.log.length;
  const master = holdfast.signal('SIGUSR1');
  await holdfast.says(/^got SIGUSR1$/, ({ pid }) => pid === master, { after });
}
