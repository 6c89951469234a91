// A request that is answered when the test says so, and not after a time that is too short on a busy machine and too long on another.
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from './ask.js';
import type { Holdfast } from './holdfast.js';

export interface HeldRequest {
  /** `held` when it was answered, `cut` when it was not. */
  readonly outcome: Promise<string>;
  /** Let it be answered; resolves with the outcome. */
  answer(): Promise<string>;
}

/** Resolves when a worker of the generation in charge has accepted it. The app is `full.js`. */
export async function holdRequest(holdfast: Holdfast): Promise<HeldRequest> {
  const gate = join(holdfast.dir, randomUUID());
  const outcome = ask(holdfast.target, `/held?until=${encodeURIComponent(gate)}`, 120_000).then(
    ({ body }) => body.trim(),
    () => 'cut',
  );
  // Connections are accepted in the order of their coming: when this one is answered, that one is taken.
  await ask(holdfast.target);
  const answer = () => {
    writeFileSync(gate, '');
    return outcome;
  };
  return { outcome, answer };
}
