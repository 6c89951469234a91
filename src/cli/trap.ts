/**
 * Signal handlers from the first moment on (any role). A signal that comes before its handler kills, and USR1 would start Node's inspector;
 * so this file loads no other, and what comes early is kept until somebody listens.
 */
import type { MasterSignal } from '../master/signals.js';

export type SignalListener = (signal: MasterSignal) => void;

/** A record, so that a signal that is missing here does not compile. */
const TRAPPED: Readonly<Record<MasterSignal, true>> = {
  SIGTERM: true,
  SIGINT: true,
  SIGQUIT: true,
  SIGHUP: true,
  SIGUSR1: true,
  SIGUSR2: true,
  SIGWINCH: true,
  SIGTTIN: true,
  SIGTTOU: true,
};

const early: MasterSignal[] = [];
let listener: SignalListener = (signal) => early.push(signal);

for (const signal of Object.keys(TRAPPED) as MasterSignal[]) process.on(signal, () => listener(signal));

/** From now on every signal goes there; those that came before go first. */
export function deliverSignals(to: SignalListener): void {
  listener = to;
  for (const signal of early.splice(0)) to(signal);
}
