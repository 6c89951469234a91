/** The entry: handlers first, everything else after them. */
import { deliverSignals } from './trap.js';

const { run } = await import('./run.js');
await run(deliverSignals);
