/** The entry of a worker: signals are held first, then its master tells it what to be. */
import { say } from '../log/stderr.js';
import { holdSignals } from './held-signals.js';

const signals = holdSignals();
// Node's own channel is where ours should be: cluster.fork(), and child_process.fork(process.argv[1]), start this file again.
if (process.channel !== undefined) {
  say('holdfast: cannot start a worker: the app forked this process, and only a master starts workers (leave cluster.fork() to --workers)');
  process.exit(1);
}
void import('./worker.js').then(({ Worker }) => new Worker(signals));
