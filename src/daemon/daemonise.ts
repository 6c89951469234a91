/**
 * From a command to a daemon. Node cannot fork, so the same command line is started once more: `daemonise` returns in both processes, and says
 * in which. The launcher is the one that the operator typed, and waits; the daemon is the other.
 */
import { type Daemon, enter } from './inside.js';
import { type DaemonOptions, type Launched, launch } from './launcher.js';

export type { Daemon } from './inside.js';
export type { DaemonOptions, Launched } from './launcher.js';

export type Here = Launched | Daemon;

/** Its value is the descriptor of the socket to the launcher. */
const VARIABLE = 'HOLDFAST_DAEMON';

/**
 * Call it first, before anything is opened that only the daemon needs; leave with `exitStatus` where it says `launcher`.
 *
 * The daemon is nobody's child, in a session of its own that it does not lead: it has no terminal and gets none by opening one. It has the same
 * working directory, umask and environment, /dev/null for its standard input and output, and no other descriptor of the command's but those in `keep`. Its standard
 * error is the command's until `detach` or `ready`. When the launcher is killed or given up before that, the daemon gets TERM.
 *
 * @throws Error in the launcher when nothing can be started; in the daemon when HOLDFAST_DAEMON was set by hand. setsid(2), daemon(7)
 */
export async function daemonise(options: DaemonOptions = {}): Promise<Here> {
  const given = process.env[VARIABLE];
  delete process.env[VARIABLE];
  return given === undefined ? launch(VARIABLE, options) : enter(given);
}
