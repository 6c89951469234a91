import { setTimeout as pause } from 'node:timers/promises';

/**
 * The one polling loop of the tests: asks every 10 ms until the answer is truthy, and gives it back.
 * Only for what the kernel announces to nobody (a process that is not our child, a file); all else waits for an event.
 *
 * @param ms how long to go on, milliseconds
 * @param why what is awaited, or a function that says so when the time is up
 * @throws Error naming `why`
 */
export async function waitFor<T>(ask: () => T | Promise<T>, ms: number, why: string | (() => string)): Promise<NonNullable<T>> {
  const deadline = performance.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms for ${typeof why === 'string' ? why : why()}`);
    await pause(10);
  }
}
