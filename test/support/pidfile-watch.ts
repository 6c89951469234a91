// The test's side of the watch on a pidfile; the reading is done by a process of its own, pidfile-reader.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Test } from './temp.js';

export interface PidfileReport {
  readonly reads: number;
  readonly missing: number;
  readonly empty: number;
  /** Anything but a decimal pid and a newline. */
  readonly malformed: number;
  /** The first few contents that were malformed. */
  readonly samples: readonly string[];
  /** The periods in which it named a process that was dead (or a zombie). */
  readonly dead: readonly { readonly pid: number; readonly ms: number }[];
  /** The pids that it named, in order, each time that it changed. */
  readonly pids: readonly number[];
}

export interface PidfileWatch {
  report(): Promise<PidfileReport>;
  /** Ends the reading; do it before the final stop, which rightly removes the file. */
  stop(): Promise<PidfileReport>;
}

/** Reads a pidfile (that is there) as fast as it can, in bursts that leave half a processor to others. */
export async function watchPidfile(t: Test, path: string): Promise<PidfileWatch> {
  const reader = fork(fileURLToPath(new URL('./pidfile-reader.js', import.meta.url)), [path], { execArgv: [] });
  const exited = once(reader, 'exit');
  t.teardown(async () => {
    reader.kill('SIGKILL');
    await exited;
  });
  const answer = async (): Promise<PidfileReport> => {
    const [report] = (await Promise.race([once(reader, 'message'), exited.then(cannotRead)])) as [PidfileReport];
    return report;
  };
  const ask = (question: 'report' | 'stop') => {
    const answered = answer();
    reader.send(question);
    return answered;
  };
  await answer();
  return { report: () => ask('report'), stop: () => ask('stop') };
}

function cannotRead(): never {
  throw new Error('the pidfile reader has ended');
}
