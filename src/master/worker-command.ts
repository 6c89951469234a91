/** How a worker's process is started (master). What this file imports is loaded before everything else: it loads no native module. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from './command.js';
import type { Release } from './release.js';
import type { WorkerStart } from './worker-start.js';

const ENTRY = fileURLToPath(new URL('../start/worker.cjs', import.meta.url));

interface Place extends Pick<WorkerStart, 'lease' | 'listeners' | 'ownSession' | 'output'> {
  readonly command: Command;
  readonly release: Release;
  readonly slot: number;
  /** If it is known yet. */
  readonly generation?: number;
}

/** How a process is started that is to be a worker. */
export function workerStart({ command, release, slot, generation, ...inherited }: Place): WorkerStart {
  const script = entry(command);
  return {
    program: program(),
    command: [process.execPath, ...process.execArgv],
    script,
    // One of another release may not know that it has to close it.
    guarded: script === ENTRY,
    cwd: release.cwd,
    env: {
      ...withoutSupervisor(command.env),
      PWD: release.cwd,
      HOLDFAST_WORKER: String(slot),
      ...(generation === undefined ? {} : { HOLDFAST_GENERATION: String(generation) }),
    },
    ...inherited,
  };
}

/** The file that a process runs, also when it was removed. proc(5), /proc/PID/exe */
const RUNNING = '/proc/self/exe';

/** A generation's workers run its own Node, which a deploy may have removed before the upgrade, or an upgrade that comes to nothing after it. */
function program(): string {
  return existsSync(process.execPath) || !existsSync(RUNNING) ? process.execPath : RUNNING;
}

/** What a service manager says to a master, and to nobody else: a worker that answered would speak for the whole service. sd_notify(3), sd_listen_fds(3) */
const SUPERVISOR = ['NOTIFY_SOCKET', 'WATCHDOG_PID', 'WATCHDOG_USEC', 'LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'];

function withoutSupervisor(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !SUPERVISOR.includes(name)));
}

/** Our own files may have been deleted with their release; then those that the command line leads to now have to do. */
function entry({ argv, directory }: Command): string {
  if (existsSync(ENTRY)) return ENTRY;
  for (const word of argv.slice(1)) {
    try {
      const other = join(dirname(realpathSync(resolve(directory, word))), '..', 'dist', 'start', 'worker.cjs');
      if (existsSync(other)) return other;
    } catch {
      // That word was no path.
    }
  }
  return ENTRY;
}
