/** -D: from the command to the daemon (launcher, and in the daemon's first moment). */
import { daemonise, type Here } from '../daemon/index.js';
import { EXIT, HoldfastError } from '../errors.js';
import { complain } from '../log/complain.js';
import { streamOf } from '../log/streams.js';
import { readCommand } from '../master/command.js';
import type { Settings } from '../settings/index.js';
import { namedDescriptors } from './named-descriptors.js';
import type { deliverSignals } from './trap.js';

/** Both processes come here, and part. */
export async function goBackground(settings: Settings, deliver: typeof deliverSignals): Promise<Here> {
  if (settings.keepPid)
    throw new HoldfastError(
      'cannot use --keep-pid with --daemon: the first process of a daemon leaves (leave one of them out)',
      EXIT.usage,
    );
  const keep = namedDescriptors(settings);
  if (process.env['HOLDFAST_DAEMON'] !== undefined) return daemonise({ keep });
  // Before the title is changed, which overwrites it.
  const command = readCommand();
  process.title = 'holdfast: launcher';
  if (streamOf(settings.logFile) !== undefined)
    complain(new HoldfastError('the log goes nowhere, for a daemon has no standard output (name a file with --log-file)'));
  const { signal, again } = told(deliver);
  return Promise.race([daemonise({ command, keep, signal }), again]);
}

/** To leave while it waits: once, and it waits for the daemon's end; and once more, should that not come. */
function told(deliver: typeof deliverSignals): { readonly signal: AbortSignal; readonly again: Promise<Here> } {
  const abort = new AbortController();
  const again = new Promise<Here>((resolve) => {
    deliver((signal) => {
      if (signal !== 'SIGINT' && signal !== 'SIGTERM' && signal !== 'SIGQUIT' && signal !== 'SIGHUP') return;
      if (abort.signal.aborted)
        resolve({ is: 'launcher', exitStatus: EXIT.failed, reason: 'not waiting for the end of the half-started daemon' });
      abort.abort();
    });
  });
  return { signal: abort.signal, again };
}
