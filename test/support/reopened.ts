// When a log is another file in every process. A signal and an order that is sent after it come in any order to a process that was busy.
import type { Holdfast } from './holdfast.js';
import { descriptorLinks } from './proc.js';
import { waitFor } from './wait.js';

/** Waits until all processes have `file` open, or as many as there are then, and none has what is called `old` by now. */
export async function reopened(holdfast: Holdfast, file: string, old: string): Promise<void> {
  const has = (pid: number, name: string) => descriptorLinks(pid).some(({ target }) => target === name);
  const lacking = () => holdfast.processes().filter(({ pid }) => !has(pid, file) || has(pid, old));
  await waitFor(
    () => lacking().length === 0,
    20_000,
    () => `${file} in ${lacking().map(({ pid, role }) => `${role} ${pid}`)}`,
  );
}
