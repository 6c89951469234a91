// A request that is answered when the test says so, and not after a time that is too short on a busy machine and too long on another.
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from './ask.js';
import type { Holdfast } from './holdfast.js';
import { ofProcess } from './proc.js';
import { waitFor } from './wait.js';

/** For a test that holds one beyond a drain's beginning: as long as a busy machine makes it. */
export const HELD_LONG = ['--graceful-timeout', '120'] as const;

export interface HeldRequest {
  /** The pid of the worker that has it, as that worker knows it, once one has. */
  readonly worker: Promise<number>;
  /** `held` when it was answered, `cut` when it was not. */
  readonly outcome: Promise<string>;
  /** Whether there is an outcome yet. */
  readonly over: boolean;
  /** Let it be answered; resolves with the outcome. */
  answer(): Promise<string>;
}

/** Resolves when a worker has it. The app is `full.js`. */
export async function holdRequest(holdfast: Holdfast): Promise<HeldRequest> {
  const held = sendHeld(holdfast);
  await held.worker;
  return held;
}

/** Until each of these workers has one, whatever the kernel deals to whom. */
export async function holdAtEach(holdfast: Holdfast, workers: readonly number[]): Promise<HeldRequest[]> {
  const held: HeldRequest[] = [];
  const taken = new Set<number>();
  while (!workers.every((pid) => taken.has(pid))) {
    const next = await holdRequest(holdfast);
    held.push(next);
    taken.add(await next.worker);
  }
  return held;
}

/** It may be that nobody accepts it yet. */
export function sendHeld(holdfast: Holdfast): HeldRequest {
  const gate = join(holdfast.dir, randomUUID());
  let over = false;
  const outcome = ask(holdfast.target, `/held?until=${encodeURIComponent(gate)}`, 120_000).then(
    ({ body }) => body.trim(),
    () => 'cut',
  );
  void outcome.then(() => {
    over = true;
  });
  const worker = waitFor(() => ofProcess(() => Number(readFileSync(`${gate}.taken`, 'utf8'))), 60_000, 'a worker to take the request');
  worker.catch(() => {});
  const answer = () => {
    writeFileSync(gate, '');
    return outcome;
  };
  return {
    worker,
    outcome,
    answer,
    get over() {
      return over;
    },
  };
}
