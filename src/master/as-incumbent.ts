/** What a master does while it is in charge, and as a retiree (master): the effects of upgrade/incumbency. */
import { performance } from 'node:perf_hooks';
import type { ChannelEnd } from '../channel/channel.js';
import { type BoundFile, type FromCandidate, SPOKEN, type ToCandidate } from '../channel/master-messages.js';
import { DRAIN_PATIENCE } from '../channel/worker-messages.js';
import { messageOf } from '../errors.js';
import { encodeListeners } from '../listeners/index.js';
import { killProcess } from '../sys/process-group.js';
import type { IncumbencyEffect, IncumbencyEvent } from '../upgrade/incumbency.js';
import type { Generation } from './generation.js';
import { removeBoundFiles } from './listener-set.js';
import { Successor } from './successor.js';

export interface IncumbentTurns {
  post(event: IncumbencyEvent): void;
  /** Do it in a turn of its own. */
  later(act: () => void): void;
  refuse(why: string): void;
  /** Another generation wants the logs reopened. */
  reopen(): void;
  leave(): void;
}

/** A candidate that is being ended. */
interface Ending {
  /** Monotonic milliseconds: until then its workers, which may serve somebody, drain. */
  readonly killAt: number;
  readonly clearing: boolean;
}

export class AsIncumbent {
  readonly #generation: Generation;
  readonly #turns: IncumbentTurns;
  #successor: Successor | undefined;
  #successorFiles: readonly BoundFile[] = [];
  /** Positions of the listeners that the successor goes on with. */
  #kept: readonly number[] = [];
  #ending: Ending | undefined;
  #retireeKillAt = Number.POSITIVE_INFINITY;

  constructor(generation: Generation, turns: IncumbentTurns) {
    this.#generation = generation;
    this.#turns = turns;
  }

  /** A candidate's end is awaited. */
  get ending(): boolean {
    return this.#ending !== undefined;
  }

  do(effect: IncumbencyEffect): void {
    const { log, workers } = this.#generation;
    switch (effect.do) {
      case 'refuse':
        return this.#turns.refuse(effect.why);
      case 'reload':
        return workers.reload();
      case 'drainWorkers':
        return workers.drain();
      case 'launch':
        return this.#launch();
      case 'releaseRetirees':
        return this.#releaseRetirees();
      case 'commit':
        log.info('upgrade.commit', 'the candidate may accept');
        return this.tell({ type: 'commit' });
      case 'revert':
        return this.#revert(effect.exposed);
      case 'rolledBack':
        return this.#rolledBack(effect.reason);
      case 'pass':
        return this.tell({ type: 'pass', signal: effect.signal });
      case 'retire':
        return this.#retire();
      case 'giveWord':
        return this.#giveWord();
      case 'restore':
        return this.#restore();
      case 'comeBack':
        return this.#comeBack();
      case 'dropSuccessor':
        return this.#dropSuccessor();
      case 'takeBack':
        return this.#takeBack();
      case 'stop':
        return this.#stop(effect.quick);
      case 'leave':
        return this.#turns.leave();
    }
  }

  judge(now: number): void {
    if (this.#ending !== undefined) this.#watchEnd(now, this.#ending);
    if (now > this.#retireeKillAt) this.#killRetiree();
  }

  rearm(milliseconds: number): void {
    if (this.#ending !== undefined) this.#ending = { ...this.#ending, killAt: this.#ending.killAt + milliseconds };
    this.#retireeKillAt += milliseconds;
  }

  /** To the candidate, later the successor, if there is one. */
  tell(message: ToCandidate, sent?: () => void): void {
    if (this.#successor === undefined) sent?.();
    else this.#successor.send(message, sent);
  }

  /** The generation before has a word for us. */
  hearRetiree(message: ToCandidate): void {
    if (message.type === 'released') this.#turns.post({ event: 'retireesReleased' });
  }

  /** The generation before left, or was killed: then its workers drain, for we were the last to hold their lease. */
  retireeEnded(how: ChannelEnd): void {
    this.#generation.dropPredecessor(how);
    this.#turns.post({ event: 'retireesReleased' });
  }

  // An upgrade.

  #launch(): void {
    const { origin, listeners, log } = this.#generation;
    const { command, base, lease, succession, keeper, settings } = origin;
    const generation = origin.generation + 1;
    const all = listeners?.all ?? [];
    log.info('upgrade.start', `starting generation ${generation}`, { command: command.argv });
    this.#kept = [];
    this.#successorFiles = [];
    try {
      this.#successor = new Successor(
        {
          ...command,
          encodedListeners: encodeListeners(all),
          listeners: all.map((listener) => listener.fd),
          handover: {
            type: 'handover',
            ...SPOKEN,
            generation,
            base,
            deadline: settings.upgradeTimeout * 1000,
            keeper: keeper !== undefined,
          },
          lease: lease.writing,
          succession,
          keeper: keeper?.fd,
        },
        { message: (message) => this.#hear(message), end: (how) => this.#ended(how) },
      );
    } catch (error) {
      this.#turns.post({ event: 'failed', reason: `the candidate cannot be started: ${messageOf(error)}` });
    }
  }

  #hear(message: FromCandidate): void {
    switch (message.type) {
      case 'hello':
        return this.#greet(message);
      case 'bound':
        this.#successorFiles = Array.isArray(message.files) ? message.files : [];
        return;
      case 'ready':
        this.#kept = Array.isArray(message.kept) ? message.kept : [];
        return this.#turns.post({ event: 'ready' });
      case 'failed':
        return this.#turns.post({ event: 'failed', reason: message.reason });
      case 'serving':
        return this.#turns.post({ event: 'serving' });
      case 'release':
        return this.#turns.post({ event: 'release' });
      case 'stop':
        // Only a successor may order that, never a candidate.
        if (!this.#generation.inCharge) this.#turns.post({ event: 'stop', quick: message.quick });
        return;
      case 'reopen':
        return this.#turns.reopen();
    }
  }

  #greet({ pid, min, max }: Extract<FromCandidate, { readonly type: 'hello' }>): void {
    if (!Number.isSafeInteger(pid) || pid <= 1 || pid === process.pid)
      return this.#turns.post({ event: 'failed', reason: `the candidate said that its pid is ${pid}` });
    this.#successor?.introduce(pid);
    if (min <= SPOKEN.max && max >= SPOKEN.min) return this.#turns.post({ event: 'hello' });
    const reason = `the candidate speaks versions ${min} to ${max} of the protocol, this master ${SPOKEN.min} to ${SPOKEN.max}`;
    this.#turns.post({ event: 'failed', reason });
  }

  #ended(how: ChannelEnd): void {
    if (how === 'garbage') this.#turns.post({ event: 'failed', reason: 'the candidate sent what is no message' });
    else this.#turns.post({ event: 'gone' });
  }

  #releaseRetirees(): void {
    if (this.#generation.predecessorAlive) this.#generation.predecessor?.send({ type: 'release' });
    else this.#turns.post({ event: 'retireesReleased' });
  }

  // Backing out.

  #revert(exposed: boolean): void {
    if (exposed) this.#behead();
    else this.#successor?.kill();
    const patience = exposed ? this.#generation.origin.settings.gracefulTimeout * 1000 + DRAIN_PATIENCE : 0;
    this.#ending ??= { killAt: performance.now() + patience, clearing: false };
  }

  /** Its workers drain for a while yet; the pidfile and the keeper must not name a dead master for so long. */
  #behead(): void {
    const { pidfile, log } = this.#generation;
    this.#successor?.behead();
    this.#generation.takeCharge();
    pidfile?.restore(this.#successor?.pid ?? 0).then(
      (ours) => ours && this.#generation.logRotation(),
      (error: unknown) => log.error(null, messageOf(error)),
    );
  }

  #watchEnd(now: number, ending: Ending): void {
    if (now > ending.killAt) this.#successor?.kill();
    if (ending.clearing || this.#successor?.cleared === false) return;
    this.#ending = { ...ending, clearing: true };
    void this.#clearAway().then(() => {
      this.#ending = undefined;
      this.#turns.post({ event: 'cleared' });
    });
  }

  /** Its processes are gone; now its files. */
  async #clearAway(): Promise<void> {
    const { pidfile, log } = this.#generation;
    const pid = this.#successor?.pid;
    try {
      await pidfile?.discardCandidate(pid);
    } catch (error) {
      log.error(null, messageOf(error));
    }
  }

  #rolledBack(reason: string): void {
    const words = this.#successor?.lastWords() ?? '';
    this.#dropSuccessor();
    const fields = { reason, ...(words === '' ? {} : { words }) };
    this.#generation.log.error('upgrade.rollback', `upgrade rolled back: ${reason}${words === '' ? '' : ` (${gist(words)})`}`, fields);
  }

  #dropSuccessor(): void {
    // Those that it has bound: of a dead one, for a living one is not dropped.
    removeBoundFiles(this.#successorFiles);
    this.#successor?.close();
    this.#successor = undefined;
  }

  // Being a retiree.

  #retire(): void {
    const { listeners, log, origin } = this.#generation;
    this.#generation.inCharge = false;
    log.info('upgrade.done', `generation ${origin.generation + 1} (pid ${this.#successor?.pid}) is in charge`);
    const dropped = (listeners?.positions ?? []).filter((position) => !this.#kept.includes(position));
    this.#drainAfter(dropped, () => {
      listeners?.removeFiles(dropped);
      listeners?.drop(dropped);
    });
  }

  /** Whoever waits on a listener that nobody goes on with is served first. */
  #drainAfter(positions: readonly number[], then: () => void): void {
    const { inCharge } = this.#generation;
    const drain = () => {
      // Back in charge meanwhile: these workers are new ones.
      if (this.#generation.inCharge !== inCharge) return;
      then();
      this.#generation.workers.retire();
    };
    if (positions.length === 0) return drain();
    void this.#generation.listeners?.emptied(positions).then(() => this.#turns.later(drain));
  }

  #giveWord(): void {
    this.tell({ type: 'released' });
    this.#successor?.dropLease();
    this.#generation.listeners?.close();
  }

  #restore(): void {
    void this.#restored().then((ours) => this.#turns.post({ event: 'restored', ours }));
  }

  /** Our successor died: one of all who might may take its place. */
  async #restored(): Promise<boolean> {
    const { pidfile } = this.#generation;
    const successor = this.#successor;
    if (successor?.claimSuccession() !== true) return false;
    return pidfile === undefined || this.#generation.takePidfile(() => pidfile.restore(successor.pid ?? 0));
  }

  #comeBack(): void {
    const { log, listeners, workers } = this.#generation;
    log.warning(null, `the successor (pid ${this.#successor?.pid}) died; this generation is in charge again`);
    this.#generation.takeCharge();
    this.#generation.logRotation();
    workers.start(listeners?.all ?? []);
    workers.expose();
  }

  // The end.

  #takeBack(): void {
    this.#generation.takeCharge();
    this.#generation.listeners?.removeFiles(this.#generation.listeners.positions);
    this.#dropSuccessor();
  }

  #stop(quick: boolean): void {
    const { log, inCharge, listeners, predecessor, predecessorAlive, workers } = this.#generation;
    log.info(null, quick ? 'stopping at once' : 'stopping: connections are drained');
    if (predecessorAlive) predecessor?.send({ type: 'stop', quick });
    this.#retireeKillAt = performance.now() + this.#retireeLimit;
    const ours = inCharge ? (listeners?.positions ?? []) : [];
    listeners?.removeFiles(ours);
    if (!quick) return this.#drainAfter(ours, () => listeners?.close());
    workers.quit();
    listeners?.close();
  }

  /** Its workers' drain, their master's patience with them, and ours with it. Milliseconds. */
  get #retireeLimit(): number {
    const { origin, workers } = this.#generation;
    return Math.max(origin.settings.gracefulTimeout * 1000, workers.drainLimit) + 2 * DRAIN_PATIENCE;
  }

  #killRetiree(): void {
    this.#retireeKillAt = Number.POSITIVE_INFINITY;
    const { predecessor, predecessorAlive, log } = this.#generation;
    if (predecessor === undefined || !predecessorAlive) return;
    log.warning(null, `the retiree (pid ${predecessor.pid}) did not leave in time; it is killed`);
    killProcess(predecessor.pid);
  }
}

/** Of what it wrote, the line that says what went wrong; else the last one. */
function gist(words: string): string {
  const lines = words.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /^(holdfast: |\w*Error\b)/.test(line)) ?? lines.at(-1) ?? '';
}
