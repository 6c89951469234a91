/** The entry of a worker: signals are held first, then its master tells it what to be. */
import { holdSignals } from './held-signals.js';

const signals = holdSignals();
const { Worker } = await import('./worker.js');
new Worker(signals);
