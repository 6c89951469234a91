/** `-b fd://N`: what the first process was given, and has to hand on to the master (launcher, keeper). Pure. */
import type { Settings } from '../settings/index.js';

/** The standard streams are handed on in any case. */
export function namedDescriptors({ bind }: Settings): number[] {
  const numbers = bind.flatMap((address) => /^fd:\/\/(\d{1,9})$/.exec(address)?.[1] ?? []).map(Number);
  return numbers.filter((fd) => fd > 2);
}
