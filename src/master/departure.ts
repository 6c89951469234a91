/** The end of a master (master): it lets go of what it has, says why it leaves, and is heard. */
import { HoldfastError, messageOf } from '../errors.js';
import { complain } from '../log/complain.js';
import type { Generation } from './generation.js';

export interface Departure {
  readonly status: number;
  /** Why it failed. */
  readonly reason?: string;
}

/** Resolves when it may exit. `isLast`: nobody is in charge after it. */
export async function depart(generation: Generation, departure: Departure, isLast: () => boolean): Promise<void> {
  const { status } = departure;
  const { log, origin } = generation;
  await tidyUp(generation);
  explain(generation, departure);
  log.info('master.exit', 'leaving', { status });
  log.flush();
  if (isLast()) origin.keeper?.tell({ type: 'exit', status, pid: process.pid });
  return new Promise((sent) => generation.tellSuccessor({ type: 'farewell' }, sent));
}

async function tidyUp({ listeners, pidfile, log }: Generation): Promise<void> {
  try {
    listeners?.close();
    await pidfile?.release();
  } catch (error) {
    log.warning(null, messageOf(error));
  }
}

/** To whoever waits for it: the command that started this daemon, or the standard error. */
function explain({ origin, log }: Generation, { status, reason }: Departure): void {
  origin.launcher?.failed(status, reason ?? 'cannot start: the master was told to stop before it was ready');
  if (reason !== undefined) complain(new HoldfastError(reason), log);
}
