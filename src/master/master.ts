/**
 * The arbiter (master): signals, messages, exits and the clock only enqueue, and one loop takes one event per turn. What follows from an
 * event is decided by the tables in upgrade/, and done by as-candidate and as-incumbent.
 */
import type { ChannelEnd } from '../channel/channel.js';
import type { ToCandidate } from '../channel/master-messages.js';
import { EXIT } from '../errors.js';
import type { Log } from '../log/log.js';
import { monotonic } from '../sys/monotonic.js';
import type { Candidacy, CandidacyEvent, Stop } from '../upgrade/candidacy.js';
import { candidacy, newCandidacy } from '../upgrade/candidacy-table.js';
import type { Incumbency, IncumbencyEvent } from '../upgrade/incumbency.js';
import { incumbencyOf } from '../upgrade/incumbency-table.js';
import { AsCandidate } from './as-candidate.js';
import { AsIncumbent } from './as-incumbent.js';
import { Clock, type Pace } from './clock.js';
import { type Departure, depart } from './departure.js';
import { Generation } from './generation.js';
import { Loop } from './loop.js';
import type { Origin } from './origin.js';
import type { MasterSignal } from './signals.js';
import { Workers } from './workers.js';

/** An event for the table that this master is at; one for a table that it may have left by then, or not reached; or something to do. */
type Turn =
  | { readonly for: 'either'; readonly event: CandidacyEvent & IncumbencyEvent }
  | { readonly for: 'candidate'; readonly event: CandidacyEvent }
  | { readonly for: 'incumbent'; readonly event: IncumbencyEvent }
  | { readonly for: 'itself'; readonly act: () => void };

/** Hours may pass. */
const CALM: readonly Incumbency['is'][] = ['serving', 'deciding'];

export class Master {
  readonly #generation: Generation;
  readonly #log: Log;
  readonly #departed: (status: number) => void;
  readonly #clock: Clock;
  readonly #asCandidate: AsCandidate;
  readonly #asIncumbent: AsIncumbent;
  readonly #incumbencyStep: ReturnType<typeof incumbencyOf>;
  #candidacy: Candidacy;
  #incumbency: Incumbency = { is: 'serving' };
  readonly #loop = new Loop<Turn>((turn) => this.#take(turn));
  #keeperLost = false;
  /** It leaves when its workers are gone. */
  #departure: Departure | undefined;

  /** `departed` is called with the exit status when nothing is left to do. */
  constructor(origin: Origin, departed: (status: number) => void) {
    this.#log = origin.log;
    this.#departed = departed;
    const { upgradeTimeout, upgrade } = origin.settings;
    this.#incumbencyStep = incumbencyOf({ timeout: upgradeTimeout * 1000, manual: upgrade === 'manual' });
    this.#candidacy = origin.before === undefined ? { is: 'first' } : newCandidacy(monotonic(), origin.before.deadline);
    this.#clock = new Clock({ pace: () => this.#pace(), judge: (now) => this.#judge(now), rearm: (late) => this.#rearm(late) });
    const candidate = (event: CandidacyEvent) => this.#enqueue({ for: 'candidate', event });
    const incumbent = (event: IncumbencyEvent) => this.#enqueue({ for: 'incumbent', event });
    const later = (act: () => void) => this.#enqueue({ for: 'itself', act });
    const refuse = (why: string) => this.#log.warning(null, `refused: ${why}`);
    const workers = new Workers(origin, later, {
      ready: () => this.#asCandidate.loaded(),
      accepting: () => {
        candidate({ event: 'exposed' });
        incumbent({ event: 'accepting' });
      },
      failed: (status, reason) => candidate({ event: 'loadFailed', status, reason }),
      reloaded: () => incumbent({ event: 'reloaded' }),
      hurry: () => this.#clock.hurry(),
    });
    this.#generation = new Generation(origin, workers, () => this.#heedKeeper());
    this.#asCandidate = new AsCandidate(this.#generation, {
      post: candidate,
      later,
      refuse,
      takenCharge: (stop, reload) => this.#takenCharge(stop, reload),
      giveUp: (departure) => {
        this.#departure = departure;
      },
    });
    this.#asIncumbent = new AsIncumbent(this.#generation, {
      post: incumbent,
      refuse,
      reopen: () => later(() => this.#reopen('older')),
      leave: () => this.#leave({ status: EXIT.ok }),
    });
  }

  /** Begin. Everything that fails from here on ends in a departure. */
  start(): void {
    const { predecessor } = this.#generation;
    predecessor?.listen({ message: (message) => this.#hearPredecessor(message), end: (how) => this.#predecessorEnded(how) });
    this.#clock.start();
    this.#asCandidate.start();
  }

  signal(signal: MasterSignal): void {
    this.#log.debug(null, `got ${signal}`);
    const { workers } = this.#generation;
    const order = (event: CandidacyEvent & IncumbencyEvent) => this.#enqueue({ for: 'either', event });
    const act = (what: () => void) => this.#enqueue({ for: 'itself', act: what });
    const orders: Record<MasterSignal, () => void> = {
      SIGTERM: () => order({ event: 'stop', quick: false }),
      SIGINT: () => order({ event: 'stop', quick: true }),
      SIGQUIT: () => order({ event: 'stop', quick: true }),
      SIGHUP: () => order({ event: 'reload' }),
      SIGUSR1: () => act(() => this.#reopen('both')),
      SIGUSR2: () => order({ event: 'upgrade' }),
      SIGWINCH: () => order({ event: 'drain' }),
      SIGTTIN: () => act(() => workers.scale(1)),
      SIGTTOU: () => act(() => workers.scale(-1)),
    };
    orders[signal]();
  }

  /** Nobody watches the keeper's pid any more: what was started on a terminal must not outlive it unseen. */
  keeperLost(): void {
    this.#keeperLost = true;
    this.#heedKeeper();
  }

  #enqueue(turn: Turn): void {
    this.#loop.enqueue(turn);
  }

  #take(turn: Turn): void {
    if (turn.for === 'itself') turn.act();
    else if (turn.for === 'candidate') this.#candidacyTurn(turn.event);
    else if (turn.for === 'incumbent') this.#incumbencyTurn(turn.event);
    else if (this.#risen) this.#incumbencyTurn(turn.event);
    else this.#candidacyTurn(turn.event);
    if (this.#risen && this.#alone) this.#incumbencyTurn({ event: 'empty' });
    if (this.#departure !== undefined && this.#generation.workers.empty) this.#leave(this.#departure);
    this.#clock.hurry();
  }

  #candidacyTurn(event: CandidacyEvent): void {
    const before = this.#candidacy.is;
    const { state, effects } = candidacy(this.#candidacy, event, monotonic());
    this.#candidacy = state;
    if (state.is !== before) this.#log.debug(null, `${before}: ${event.event}: ${state.is}`);
    for (const effect of effects) this.#asCandidate.do(effect);
  }

  #incumbencyTurn(event: IncumbencyEvent): void {
    const before = this.#incumbency.is;
    const { state, effects } = this.#incumbencyStep(this.#incumbency, event, monotonic());
    this.#incumbency = state;
    if (state.is !== before) this.#log.debug(null, `${before}: ${event.event}: ${state.is}`);
    for (const effect of effects) this.#asIncumbent.do(effect);
  }

  /** It is, or has been, in charge. */
  get #risen(): boolean {
    return this.#candidacy.is === 'incumbent';
  }

  /** No worker, no retiree, nothing of a candidate is left. */
  get #alone(): boolean {
    return this.#generation.workers.empty && !this.#asIncumbent.backingOut && !this.#generation.predecessorAlive;
  }

  /** Who is not in charge leaves it to who is; should that die, a retiree that returns or a candidate that is promoted comes here again. */
  #heedKeeper(): void {
    if (this.#keeperLost && this.#generation.inCharge) this.#enqueue({ for: 'either', event: { event: 'stop', quick: false } });
  }

  #takenCharge(stop: Stop, reload: boolean): void {
    if (stop !== 'none') this.#enqueue({ for: 'incumbent', event: { event: 'stop', quick: stop === 'quick' } });
    else if (reload) this.#enqueue({ for: 'incumbent', event: { event: 'reload' } });
  }

  // The clock.

  #pace(): Pace {
    if (this.#asIncumbent.backingOut) return 'hurried';
    const calm = this.#risen ? CALM.includes(this.#incumbency.is) : this.#candidacy.is === 'beside';
    return calm && this.#generation.workers.settled ? 'idle' : 'busy';
  }

  #judge(now: number): void {
    this.#generation.workers.tick(now);
    this.#asIncumbent.judge(now);
    const state = this.#risen ? this.#incumbency : this.#candidacy;
    if ('deadline' in state && now > state.deadline) this.#enqueue({ for: 'either', event: { event: 'deadline' } });
  }

  #rearm(late: number): void {
    this.#log.warning(null, `was stopped, or the machine slept, for ${Math.round(late)} ms: all deadlines begin again from here`);
    this.#generation.workers.rearm(late);
    this.#asIncumbent.rearm(late);
    if ('deadline' in this.#candidacy) this.#candidacy = { ...this.#candidacy, deadline: this.#candidacy.deadline + late };
    if ('deadline' in this.#incumbency) this.#incumbency = { ...this.#incumbency, deadline: this.#incumbency.deadline + late };
  }

  // The generation before.

  #hearPredecessor(message: ToCandidate): void {
    if (message.type === 'pass') this.#pass(message.signal);
    else if (message.type === 'reopen') this.#enqueue({ for: 'itself', act: () => this.#reopen('none') });
    else if (this.#risen) this.#asIncumbent.hearRetiree(message);
    else this.#asCandidate.hear(message);
  }

  #pass(signal: string): void {
    if (signal === 'SIGHUP' || signal === 'SIGUSR2' || signal === 'SIGTERM' || signal === 'SIGINT') this.signal(signal);
  }

  #predecessorEnded(how: ChannelEnd): void {
    if (this.#risen) this.#asIncumbent.retireeEnded(how);
    // Out of its mind is not dead: nobody takes over before it has seen the other's end.
    else if (how === 'garbage')
      this.#enqueue({ for: 'candidate', event: { event: 'cancel', reason: 'the incumbent sent what is no message of this release' } });
    else this.#enqueue({ for: 'candidate', event: { event: 'gone' } });
  }

  // Orders that no table decides.

  /** `others`: the generations to which the order goes on. */
  #reopen(others: 'both' | 'older' | 'none'): void {
    this.#log.reopen();
    this.#generation.origin.giveAccessLog();
    this.#generation.workers.reopen();
    if (others === 'both') this.#generation.tellSuccessor({ type: 'reopen' });
    if (others !== 'none' && this.#risen) this.#generation.predecessor?.send({ type: 'reopen' });
  }

  #leave(departure: Departure): void {
    this.#departure = undefined;
    this.#clock.stop();
    void this.#asCandidate.prepared
      .then(() => depart(this.#generation, departure, () => this.#isLast))
      .then(() => this.#departed(departure.status));
  }

  /** Nobody is in charge after it. */
  get #isLast(): boolean {
    return this.#generation.inCharge || (!this.#risen && !this.#generation.predecessorAlive);
  }
}
