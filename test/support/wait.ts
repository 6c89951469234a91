import { setTimeout as pause } from 'node:timers/promises';
import { Patience } from './patience.js';

/** Milliseconds. */
const BETWEEN = 10;

/**
 * The one polling loop of the tests: asks every 10 ms until the answer is truthy, and gives it back.
 * Only for what the kernel announces to nobody (a process that is not our child, a file); all else waits for an event.
 *
 * @param ms how long to go on, milliseconds; longer where the machine has no time for us
 * @param why what is awaited, or a function that says so when the time is up
 * @throws Error naming `why`
 */
export async function waitFor<T>(ask: () => T | Promise<T>, ms: number, why: string | (() => string)): Promise<NonNullable<T>> {
  const patience = new Patience(ms);
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    patience.spend();
    if (patience.over) throw new Error(`waited ${ms} ms for ${typeof why === 'string' ? why : why()}`);
    await pause(BETWEEN);
    patience.sleep(BETWEEN);
  }
}
