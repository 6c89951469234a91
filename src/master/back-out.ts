/** The way back from an upgrade (master): a candidate ends, and what it had. */
import type { BoundFile } from '../channel/master-messages.js';
import { DRAIN_PATIENCE } from '../channel/worker-messages.js';
import { messageOf } from '../errors.js';
import { removeSocketFile } from '../listeners/index.js';
import { monotonic } from '../sys/monotonic.js';
import type { End } from '../upgrade/incumbency.js';
import type { Generation } from './generation.js';
import type { IncumbentTurns } from './incumbent-turns.js';
import { QUEUE_LIMIT, untilNobodyWaits } from './until-empty.js';

/** A candidate that is being ended. */
interface Ending {
  /** Monotonic milliseconds: until then its workers, which may serve somebody, drain. */
  readonly killAt: number;
  readonly clearing: boolean;
}

export class BackOut {
  readonly #generation: Generation;
  readonly #turns: IncumbentTurns;
  #ending: Ending | undefined;

  constructor(generation: Generation, turns: IncumbentTurns) {
    this.#generation = generation;
    this.#turns = turns;
  }

  /** A candidate's end is awaited. */
  get underway(): boolean {
    return this.#ending !== undefined;
  }

  /** Its workers accept for a while yet; the pidfile and the keeper must not name a dead master for so long. */
  depose(): void {
    const { pidfile, log, successor } = this.#generation;
    // It may have served for a moment that we have not heard of, and have had a candidate: that, or we, are in charge after it.
    if (successor?.claimSuccession() === false) {
      this.#generation.inCharge = false;
      return this.#turns.post({ event: 'restored', ours: false });
    }
    successor?.killMaster();
    this.#generation.takeCharge();
    pidfile?.restore(successor?.pid ?? 0).then(
      (ours) => ours && this.#generation.logRotation(),
      (error: unknown) => log.error(null, messageOf(error)),
    );
  }

  /** What our next workers get: sockets that were closed for the successor, and one for each path that it had given back. */
  regain(): void {
    const { listeners, successor, log, origin } = this.#generation;
    listeners?.regain({ files: successor?.files ?? [], backlog: origin.settings.backlog, log });
  }

  /** Our workers accept: who looks for such a path finds them from now on, and who had found the old socket is served first. */
  reclaim(): void {
    const { listeners, log, origin } = this.#generation;
    listeners?.reclaim(origin.settings.backlog, log);
    this.#generation.outliveListeners(QUEUE_LIMIT);
  }

  /** Ends in `cleared`. */
  revert(end: End): void {
    const { successor } = this.#generation;
    if (end === 'kill') successor?.kill();
    else if (end === 'behead') this.#behead();
    else this.#generation.tellSuccessor({ type: 'cancel', reason: 'the upgrade was backed out' });
    this.#ending ??= { killAt: monotonic() + (end === 'kill' ? 0 : this.#patience), clearing: false };
  }

  /** Its workers' drain, before which those who wait are served, and their master's patience with them. Milliseconds. */
  get #patience(): number {
    const { successor, origin, workers } = this.#generation;
    const drainLimit = Math.max(origin.settings.gracefulTimeout * 1000, workers.drainLimit, successor?.drainLimit ?? 0);
    return QUEUE_LIMIT + drainLimit + DRAIN_PATIENCE;
  }

  judge(now: number): void {
    const { successor } = this.#generation;
    const ending = this.#ending;
    if (ending === undefined) return;
    if (now > ending.killAt) successor?.kill();
    if (ending.clearing || successor?.cleared === false) return;
    this.#ending = { ...ending, clearing: true };
    void this.#clearAway().then(() => {
      this.#ending = undefined;
      this.#turns.post({ event: 'cleared' });
    });
  }

  rearm(milliseconds: number): void {
    if (this.#ending !== undefined) this.#ending = { ...this.#ending, killAt: this.#ending.killAt + milliseconds };
  }

  rolledBack(reason: string): void {
    const { successor, log } = this.#generation;
    const words = successor?.words.text() ?? '';
    const gist = successor?.words.gist() ?? '';
    this.dropSuccessor();
    // It may have been killed while it wrote.
    log.mend();
    const whole = gist === '' ? reason : `${reason} (${gist})`;
    log.error('upgrade.rollback', `upgrade rolled back: ${whole}`, { reason: whole, ...(words === '' ? {} : { words }) });
  }

  dropSuccessor(): void {
    const { successor } = this.#generation;
    if (successor === undefined) return;
    this.#generation.successor = undefined;
    // Those that it has bound: of a dead one, for a living one is not dropped.
    unlessAwaited(successor.files, () => successor.close());
  }

  /** Its master is dead, and nobody but us holds the lease: its workers drain when that is let go. */
  #behead(): void {
    const { successor } = this.#generation;
    if (successor !== undefined) unlessAwaited(successor.files, () => successor.dropLease());
  }

  /** Its processes are gone; now its files. */
  async #clearAway(): Promise<void> {
    const { pidfile, log, successor } = this.#generation;
    try {
      await pidfile?.discardCandidate(successor?.pid);
    } catch (error) {
      log.error(null, messageOf(error));
    }
  }
}

/** Its workers, which nobody new can find from here on, accept for as long as its lease is held. */
function unlessAwaited(files: readonly BoundFile[], then: () => void): void {
  removeBoundFiles(files);
  if (files.length === 0) then();
  else void untilNobodyWaits(boundNames(files), QUEUE_LIMIT).then(then);
}

function boundNames(files: readonly BoundFile[]): readonly string[] {
  return files.map(({ draft }) => draft);
}

/** What a candidate that was killed has left of its new unix sockets, under either name. */
function removeBoundFiles(files: readonly BoundFile[]): void {
  for (const { path, dev, ino, draft } of files)
    for (const name of [draft, path])
      removeSocketFile({ address: `unix:${name}`, bound: `unix:${name}`, fd: -1, socketFile: { dev, ino } });
}
