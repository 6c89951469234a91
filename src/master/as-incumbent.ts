/** What a master does while it is in charge, and as a retiree (master): the effects of upgrade/incumbency, each to whom it belongs. */
import type { ChannelEnd } from '../channel/channel.js';
import type { ToCandidate } from '../channel/master-messages.js';
import type { IncumbencyEffect } from '../upgrade/incumbency.js';
import { BackOut } from './back-out.js';
import type { Generation } from './generation.js';
import type { IncumbentTurns } from './incumbent-turns.js';
import { Renewal } from './renewal.js';
import { Retiree } from './retiree.js';
import { Retirement } from './retirement.js';
import { Upgrade } from './upgrade.js';

export class AsIncumbent {
  readonly #generation: Generation;
  readonly #turns: IncumbentTurns;
  readonly #upgrade: Upgrade;
  readonly #backOut: BackOut;
  readonly #retirement: Retirement;
  readonly #retiree: Retiree;

  constructor(generation: Generation, turns: IncumbentTurns) {
    this.#generation = generation;
    this.#turns = turns;
    this.#upgrade = new Upgrade(generation, turns);
    this.#backOut = new BackOut(generation, turns);
    this.#retirement = new Retirement(generation, turns);
    this.#retiree = new Retiree(generation, turns);
  }

  /** A candidate's end is awaited. */
  get backingOut(): boolean {
    return this.#backOut.underway;
  }

  judge(now: number): void {
    this.#backOut.judge(now);
    this.#retiree.judge(now);
  }

  rearm(milliseconds: number): void {
    this.#backOut.rearm(milliseconds);
    this.#retiree.rearm(milliseconds);
  }

  hearRetiree(message: ToCandidate): void {
    this.#retiree.hear(message);
  }

  retireeEnded(how: ChannelEnd): void {
    this.#retiree.ended(how);
  }

  do(effect: IncumbencyEffect): void {
    const { workers } = this.#generation;
    switch (effect.do) {
      case 'refuse':
        return this.#turns.refuse(effect.why);
      case 'reload':
        return this.#reload();
      case 'drainWorkers':
        return workers.drain();
      case 'bringBack':
        return workers.bringBack(this.#generation.listeners);
      case 'renewFailing':
        return workers.renewFailing();
      case 'launch':
        return this.#upgrade.launch();
      case 'show':
        return this.#upgrade.show();
      case 'askOperator':
        return this.#upgrade.askOperator();
      case 'releaseRetirees':
        return this.#retiree.release();
      case 'commit':
        return this.#upgrade.commit();
      case 'depose':
        return this.#backOut.depose();
      case 'revert':
        return this.#backOut.revert(effect.end);
      case 'rolledBack':
        return this.#backOut.rolledBack(effect.reason);
      case 'dropSuccessor':
        return this.#backOut.dropSuccessor();
      case 'pass':
        return this.#generation.tellSuccessor({ type: 'pass', signal: effect.signal });
      case 'retire':
        return this.#retirement.begin();
      case 'dropAndDrain':
        return this.#retirement.dropAndDrain();
      case 'giveWord':
        return this.#retirement.giveWord();
      case 'restore':
        return this.#retirement.restore();
      case 'comeBack':
        return this.#retirement.comeBack();
      case 'regain':
        return this.#backOut.regain();
      case 'reclaim':
        return this.#backOut.reclaim();
      case 'takeBack':
        return this.#takeBack();
      case 'stop':
        return this.#stop(effect.quick);
      case 'closeAndDrain':
        return this.#closeAndDrain();
      case 'leave':
        return this.#turns.leave();
    }
  }

  #reload(): void {
    const { listeners, workers, log, origin } = this.#generation;
    if (listeners !== undefined) workers.reload(new Renewal(listeners, origin.settings.backlog, log));
  }

  #takeBack(): void {
    const { listeners } = this.#generation;
    this.#generation.takeCharge();
    listeners?.removeFiles(listeners.positions);
    this.#backOut.dropSuccessor();
  }

  #stop(quick: boolean): void {
    const { log, inCharge, listeners, workers } = this.#generation;
    log.info(null, quick ? 'stopping at once' : 'stopping: connections are drained');
    this.#retiree.stop(quick);
    const ours = inCharge ? (listeners?.positions ?? []) : [];
    listeners?.removeFiles(ours);
    if (!quick) return this.#generation.emptied(ours, () => this.#turns.post({ event: 'emptied' }));
    workers.quit();
    listeners?.close();
  }

  #closeAndDrain(): void {
    this.#generation.listeners?.close();
    this.#generation.workers.retire();
  }
}
