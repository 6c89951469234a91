/** What it takes to start one worker (master). */
import type { AccessOrder, Boot } from '../channel/worker-messages.js';
import type { Listener } from '../listeners/index.js';
import type { Settings } from '../settings/index.js';
import { hasTerminal } from '../sys/controlling-terminal.js';
import { reachesDropped } from '../sys/guard.js';
import type { Origin } from './origin.js';
import type { Release } from './release.js';
import { workerStart } from './worker-command.js';
import type { StartedWorker, WorkerStart } from './worker-start.js';

/** A worker says that it lives four times in --timeout, and never more often than this. Milliseconds. */
const HEARTBEATS = 4;
const SHORTEST_HEARTBEAT = 100;

export interface WorkerOrder {
  /** But for its guard. */
  readonly boot: Omit<Boot, 'guard'>;
  readonly start: WorkerStart;
  /** If it was started like this already. */
  readonly started?: StartedWorker | undefined;
  /** Milliseconds from start to *ready*, and of silence (0: for ever). */
  readonly bootTimeout: number;
  readonly timeout: number;
}

export function workerOrder(origin: Origin, release: Release, slot: number, listeners: readonly Listener[]): WorkerOrder {
  const { settings, generation, command } = origin;
  const timeout = settings.timeout * 1000;
  const start = workerStart({
    command,
    release,
    slot,
    generation,
    lease: origin.lease.reading,
    listeners: listeners.map((listener) => listener.fd),
    // In ours, whoever runs as somebody else could type into root's shell. ioctl_tty(2), TIOCSTI
    ownSession: origin.identity !== undefined && hasTerminal(),
    output: settings.captureOutput || settings.daemon ? origin.log.descriptor : 'inherit',
  });
  return {
    boot: {
      type: 'boot',
      slot,
      generation,
      name: origin.name,
      app: release.app,
      identity: origin.identity ?? null,
      cwd: release.cwd,
      listeners: listeners.length,
      backlog: settings.backlog,
      reusePort: settings.reusePort,
      keepAlive: settings.keepAlive * 1000,
      keepAliveAsked: settings.keepAliveAsked,
      gracefulTimeout: settings.gracefulTimeout * 1000,
      maxRequests: ownLimit(settings.maxRequests, settings.maxRequestsJitter),
      maxMemory: settings.maxMemory,
      heartbeat: timeout === 0 ? 0 : Math.max(SHORTEST_HEARTBEAT, timeout / HEARTBEATS),
      probe: settings.probe ?? null,
      probeTimeout: settings.bootTimeout * 1000,
      logLevel: settings.logLevel,
      logFile: settings.logFile,
      syslog: settings.syslog ?? null,
      access: accessOrder(settings),
      captureOutput: settings.captureOutput || settings.daemon,
    },
    start: { ...start, guarded: start.guarded && (origin.identity === undefined || reachesDropped()) },
    bootTimeout: settings.bootTimeout * 1000,
    timeout,
  };
}

/** Drawn for each worker anew, so that those that began together do not end together. */
function ownLimit(requests: number, jitter: number): number {
  return requests === 0 ? 0 : requests + Math.floor(Math.random() * (jitter + 1));
}

function accessOrder({ accessLogfile, accessLogformat: format, syslog }: Settings): AccessOrder | null {
  if (accessLogfile === undefined && syslog?.access !== true) return null;
  return { file: accessLogfile ?? null, format };
}
