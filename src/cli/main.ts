/** The entry: handlers first, everything else after them. */
import { deliverSignals } from './trap.js';

void import('./run.js').then(({ run }) => run(deliverSignals));
