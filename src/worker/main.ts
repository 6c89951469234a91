/** The entry of a worker: signals are held first, then its master tells it what to be. */
import { holdSignals } from './held-signals.js';

const signals = holdSignals();
void import('./worker.js').then(({ Worker }) => new Worker(signals));
