/**
 * Signal handlers from the first moment on (any role). A signal that comes before its handler kills, and USR1 would start Node's inspector;
 * so this file loads no other, and what comes early is kept until somebody listens.
 */
import type { MasterSignal } from '../master/signals.js';

export type SignalListener = (signal: MasterSignal) => void;

const TRAPPED: readonly MasterSignal[] = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGTTIN', 'SIGTTOU'];

const early: MasterSignal[] = [];
let listener: SignalListener = (signal) => early.push(signal);

for (const signal of TRAPPED) process.on(signal, () => listener(signal));

/** From now on every signal goes there; those that came before go first. */
export function deliverSignals(to: SignalListener): void {
  listener = to;
  for (const signal of early.splice(0)) to(signal);
}
