/** An upgrade as the incumbent leads it (master): what it says to the candidate, and what it makes of the answers. */
import type { ChannelEnd } from '../channel/channel.js';
import type { FromCandidate } from '../channel/master-messages.js';
import { misunderstanding } from '../channel/versions.js';
import { messageOf } from '../errors.js';
import type { Generation } from './generation.js';
import type { IncumbentTurns } from './incumbent-turns.js';
import { launch } from './launch.js';

/** The first version of the messages in which a candidate can serve beside its incumbent. */
const BESIDE = 2;

export class Upgrade {
  readonly #generation: Generation;
  readonly #turns: IncumbentTurns;

  constructor(generation: Generation, turns: IncumbentTurns) {
    this.#generation = generation;
    this.#turns = turns;
  }

  launch(): void {
    const { origin, log } = this.#generation;
    log.info('upgrade.start', `starting generation ${origin.generation + 1}`, { command: origin.command.argv });
    try {
      this.#generation.successor = launch(this.#generation, {
        message: (message) => this.#hear(message),
        end: (how) => this.#ended(how),
      });
    } catch (error) {
      this.#failed(`the candidate cannot be started: ${messageOf(error)}`);
    }
  }

  show(): void {
    this.#generation.tellSuccessor({ type: 'show' });
  }

  commit(): void {
    // Said before it is logged: who reads the line, and stops or kills this master, finds the upgrade committed.
    this.#generation.tellSuccessor({ type: 'commit' });
    this.#generation.log.info('upgrade.commit', 'the candidate may accept');
  }

  /** By hand: nothing more happens until the operator has decided. */
  askOperator(): void {
    const { origin, log, successor } = this.#generation;
    const pid = successor?.pid;
    log.info(
      'upgrade.ready',
      `generation ${origin.generation + 1} (pid ${pid}) serves beside this one: TERM to ${process.pid} commits the upgrade, TERM to ${pid} backs out`,
      { candidate: pid },
    );
  }

  #hear(message: FromCandidate): void {
    const { successor } = this.#generation;
    switch (message.type) {
      case 'hello':
        return this.#greet(message);
      case 'bound':
        if (successor !== undefined) successor.files = message.files;
        return;
      case 'ready':
        if (successor !== undefined) successor.kept = message.kept;
        return this.#turns.post({ event: 'ready' });
      case 'failed':
        return this.#failed(message.reason);
      case 'stop':
        // Only a successor may order that, never a candidate.
        if (!this.#generation.inCharge) this.#turns.post({ event: 'stop', quick: message.quick });
        return;
      case 'reopen':
        return this.#turns.reopen();
      case 'withdraw':
        if (successor !== undefined && typeof message.drainLimit === 'number') successor.drainLimit = message.drainLimit;
        return this.#turns.post({ event: 'withdraw' });
      case 'beside':
      case 'serving':
      case 'release':
        return this.#turns.post({ event: message.type });
    }
  }

  #greet({ pid, min, max }: Extract<FromCandidate, { readonly type: 'hello' }>): void {
    if (!isPid(pid) || pid === process.pid) return this.#failed(`the candidate said that its pid is ${pid}`);
    this.#generation.successor?.introduce(pid);
    const misunderstood = misunderstanding('the candidate', { min, max });
    if (misunderstood !== undefined) return this.#failed(misunderstood);
    if (this.#generation.origin.settings.upgrade === 'manual' && max < BESIDE)
      return this.#failed('the release of the candidate knows no --upgrade manual (leave the option out to upgrade to it)');
    this.#turns.post({ event: 'hello' });
  }

  #ended(how: ChannelEnd): void {
    if (how === 'garbage') this.#failed('the candidate sent what is no message of this release');
    else this.#turns.post({ event: 'gone' });
  }

  #failed(reason: string): void {
    this.#turns.post({ event: 'failed', reason });
  }
}

/** Somebody who may be killed, with all of its group: not process 1, nor what is no pid_t. kill(2) */
function isPid(pid: number): boolean {
  return pid > 1 && pid === (pid | 0);
}
