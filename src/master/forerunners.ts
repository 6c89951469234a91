/**
 * Workers whose Node starts while their master still loads itself (a candidate), which takes as long. They are told nothing, and so are nothing
 * yet, and touch nothing: they become workers when some are wanted that would have been started in just this way. One whose channel ends before,
 * because its master is gone, leaves.
 */
import type { ChildProcess } from 'node:child_process';
import { closeSync, fstatSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { CANDIDATE_FDS, HANDOVER_VERSION } from '../channel/master-messages.js';
import type { Settings } from '../settings/index.js';
import type { Command } from './command.js';
import { type Handed, takeHandedOver } from './handed.js';
import { currentRelease } from './release.js';
import { workerStart } from './worker-command.js';
import { type StartedWorker, socketsOf, startWorker, type WorkerStart } from './worker-start.js';

interface Forerunner extends StartedWorker {
  readonly start: WorkerStart;
}

export class Forerunners {
  readonly #waiting = new Set<Forerunner>();

  /** `errors`: the descriptor of their standard error. Throws when the system refuses to start one. */
  add(start: WorkerStart, errors: number): ChildProcess {
    const forerunner = { ...startWorker(start, errors), start };
    const { channel, abort } = socketsOf(forerunner.process);
    for (const each of [forerunner.process, channel, abort]) each?.on('error', () => {});
    this.#waiting.add(forerunner);
    return forerunner.process;
  }

  /** One that was started like this and lives, if there is one. */
  take(wanted: WorkerStart): StartedWorker | undefined {
    for (const forerunner of this.#waiting) {
      if (!isAlike(forerunner.start, wanted) || !lives(forerunner)) continue;
      this.#waiting.delete(forerunner);
      return forerunner;
    }
    return undefined;
  }

  /** Nobody wants those that are left. */
  dismiss(): void {
    for (const { process, guard } of this.#waiting) {
      process.kill('SIGKILL');
      if (guard !== undefined) closeSync(guard);
    }
    this.#waiting.clear();
  }
}

/**
 * Send some ahead: as many as have a processor, where it is known already how they will be started. Undefined where it is not; it never throws,
 * for whatever is wrong will be found, and said, by who looks at it properly.
 */
export function sendAhead(read: Command, settings: Settings): Forerunners | undefined {
  const forerunners = new Forerunners();
  try {
    const { command, handed } = takeHandedOver(read);
    if (handed.HOLDFAST_HANDOVER !== String(HANDOVER_VERSION) || !isSettled(settings)) return undefined;
    const listeners = listenersOf(handed);
    const at = (position: number) => 3 + listeners.length + position;
    if (!fstatSync(at(CANDIDATE_FDS.channel)).isSocket() || !fstatSync(at(CANDIDATE_FDS.leaseReading)).isFIFO()) return undefined;
    // They inherit it.
    if (settings.umask !== undefined) process.umask(settings.umask);
    const release = currentRelease({ settings, command });
    for (let slot = 1; slot <= Math.min(settings.workers, availableParallelism()); slot += 1)
      forerunners.add(
        workerStart({ command, release, slot, lease: at(CANDIDATE_FDS.leaseReading), listeners, ownSession: false, output: 'inherit' }),
        at(CANDIDATE_FDS.stderr),
      );
  } catch {
    // A hand-over that is malformed, no such directory, no descriptors left.
  }
  return forerunners;
}

/** Their descriptors, which go by position. What else is said of them is looked at by whoever adopts them. */
function listenersOf({ HOLDFAST_FDS: text = '' }: Handed): number[] {
  return text === '' ? [] : text.split(';').map((_, position) => 3 + position);
}

/** Nothing is still to be done to this process, or to be opened, that they would have to inherit. */
function isSettled({ user, group, captureOutput, daemon }: Settings): boolean {
  return user === undefined && group === undefined && !captureOutput && !daemon;
}

/** The generation is not known so early. Its worker is told. */
function isAlike({ env, ...start }: WorkerStart, { env: wantedEnv, ...wanted }: WorkerStart): boolean {
  const { HOLDFAST_GENERATION: _, ...rest } = wantedEnv;
  // Both were made in one place, and so in one order.
  return JSON.stringify([env, start]) === JSON.stringify([rest, wanted]);
}

function lives({ process }: StartedWorker): boolean {
  return process.pid !== undefined && process.exitCode === null && process.signalCode === null;
}
