// A seeded operator, with a deploy script and the OOM killer at his side: any documented order to any of the living masters, at any moment.
import { setTimeout as pause } from 'node:timers/promises';
import type { Holdfast } from './holdfast.js';
import type { MarkedProcess } from './marked.js';
import { isAlive, ofProcess } from './proc.js';
import type { Chance } from './random.js';

/** Milliseconds between two orders at the most: some come while the one before is followed. */
const PAUSE = 300;
const LONGEST_STOP = 1_500;

/** Between these lines of a log little is certain: who strikes at one of them strikes at a step of the protocol. */
const MOMENTS = [
  'upgrade.start',
  'master.start',
  'worker.ready',
  'upgrade.ready',
  'upgrade.commit',
  'pidfile.rotated',
  'master.ready',
  'upgrade.done',
  'upgrade.rollback',
  'drain.start',
  'worker.exit',
  'master.exit',
  'reload.start',
  'reload.done',
] as const;
/** Milliseconds that a moment is waited for. */
const WAIT = 600;

const ORDERS = ['SIGUSR2', 'SIGHUP', 'SIGUSR1', 'SIGTTIN', 'SIGTTOU', 'SIGWINCH'] as const;
const SHARES = {
  upgrade: 7,
  order: 8,
  good: 2,
  bad: 2,
  'kill worker': 2,
  'kill candidate': 1,
  'kill retiree': 1,
  'kill incumbent': 2,
  stop: 2,
  'end candidate': 2,
  'end retiree': 1,
  commit: 2,
} as const;
type Kind = keyof typeof SHARES;
const KINDS = (Object.keys(SHARES) as Kind[]).flatMap((kind) => Array<Kind>(SHARES[kind]).fill(kind));

interface Move {
  readonly kind: Kind;
  /** Which of those there are, from 0 to 1. */
  readonly which: number;
  readonly signal: NodeJS.Signals;
  readonly to: 'incumbent' | 'candidate' | 'retiree';
  readonly after: number;
  readonly at: (typeof MOMENTS)[number] | undefined;
  readonly stopFor: number;
}

export interface Deed {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly what: string;
  readonly pid: number;
  readonly signal: NodeJS.Signals;
  /** It was, at that moment. */
  readonly role: string;
}

export function makeMoves({ next, below, pick }: Chance): Move[] {
  return Array.from({ length: 4 + below(10) }, () => ({
    kind: pick(KINDS),
    which: next(),
    signal: pick(ORDERS),
    to: pick(['incumbent', 'incumbent', 'incumbent', 'candidate', 'retiree'] as const),
    after: below(PAUSE),
    at: next() < 0.5 ? pick(MOMENTS) : undefined,
    stopFor: below(LONGEST_STOP),
  }));
}

export interface Deploy {
  good(which: number): void;
  bad(which: number): void;
}

export class Operator {
  readonly deeds: Deed[] = [];
  readonly #holdfast: Holdfast;
  readonly #deploy: Deploy;
  readonly #manual: boolean;
  readonly #thawed: Promise<void>[] = [];

  constructor(holdfast: Holdfast, manual: boolean, deploy: Deploy) {
    this.#holdfast = holdfast;
    this.#deploy = deploy;
    this.#manual = manual;
  }

  /** Whoever is in charge, as far as anybody can say. */
  get incumbent(): number | undefined {
    if (this.#holdfast.pidfile !== undefined) return ofProcess(() => this.#holdfast.pid());
    const said = this.#holdfast.log.filter(
      ({ event, msg = '' }) => event === 'master.ready' || /in charge again$|taking its place$/.test(msg),
    );
    return said.at(-1)?.pid;
  }

  /** The living masters whose handlers are installed: nobody can know the pid of another. Oldest first. */
  get masters(): { readonly pid: number; readonly gen: number }[] {
    const started = this.#holdfast.events('master.start').map(({ pid = 0, gen = 0 }) => ({ pid, gen }));
    return started.filter(({ pid }) => isAlive(pid)).sort((a, b) => a.gen - b.gen);
  }

  /** A candidate that serves beside, and waits for the decision. */
  get undecided(): number | undefined {
    const { incumbent } = this;
    if (!this.#manual) return undefined;
    const ours = this.#holdfast.log.filter(({ pid }) => pid === incumbent);
    const asked = ours.findLastIndex((line) => line.event === 'upgrade.ready' && line['candidate'] !== undefined);
    const over = ours.findLastIndex(({ event }) => ['upgrade.commit', 'upgrade.rollback', 'upgrade.start'].includes(event ?? ''));
    const candidate = Number(ours[asked]?.['candidate']);
    return asked > over && isAlive(candidate) ? candidate : undefined;
  }

  async play(moves: readonly Move[]): Promise<void> {
    for (const move of moves) {
      if (move.at === undefined) await pause(move.after);
      else
        await Promise.race([
          this.#holdfast.event(move.at, undefined, { after: this.#holdfast.log.length, timeoutMs: WAIT }),
          pause(WAIT),
        ]).catch(() => {});
      this.#play(move);
    }
    await Promise.all(this.#thawed);
  }

  /** Ends what waits for a decision. */
  decide(which: number): void {
    const candidate = this.undecided;
    const { incumbent } = this;
    if (candidate === undefined || incumbent === undefined) return;
    const ends = [
      [incumbent, 'SIGTERM'],
      [incumbent, 'SIGQUIT'],
      [incumbent, 'SIGKILL'],
      [candidate, 'SIGTERM'],
      [candidate, 'SIGINT'],
      [candidate, 'SIGKILL'],
    ] as const;
    const [pid, signal] = ends[Math.floor(which * ends.length)] ?? ends[0];
    this.send(pid, signal, pid === incumbent ? 'incumbent' : 'candidate');
  }

  send(pid: number | undefined, signal: NodeJS.Signals, role: string): void {
    if (pid === undefined || !isAlive(pid)) return;
    this.deeds.push({ at: Date.now(), what: `${signal} to ${role} ${pid}`, pid, signal, role });
    ofProcess(() => process.kill(pid, signal));
  }

  #play(move: Move): void {
    const { which, signal } = move;
    const { incumbent } = this;
    const plays: Record<Kind, () => void> = {
      upgrade: () => this.send(incumbent, 'SIGUSR2', 'incumbent'),
      order: () => this.send(this.#known(move.to), signal, move.to),
      good: () => this.#deploy.good(which),
      bad: () => this.#deploy.bad(which),
      'kill worker': () => this.#kill((one) => one.role === 'worker', which, 'worker'),
      'kill candidate': () => this.#kill((one) => this.#isCandidate(one), which, 'candidate'),
      'kill retiree': () => this.#kill((one) => this.#isRetiree(one), which, 'retiree'),
      'kill incumbent': () => {
        if (this.masters.length > 1) this.send(incumbent, 'SIGKILL', 'incumbent');
      },
      stop: () => this.#stop(which, move.stopFor),
      'end candidate': () => this.send(this.#known('candidate'), which < 0.7 ? 'SIGTERM' : 'SIGINT', 'candidate'),
      'end retiree': () => this.send(this.#known('retiree'), 'SIGTERM', 'retiree'),
      commit: () => {
        if (this.undecided !== undefined) this.send(incumbent, which < 0.7 ? 'SIGTERM' : 'SIGQUIT', 'incumbent');
      },
    };
    plays[move.kind]();
  }

  #known(role: Move['to']): number | undefined {
    const { incumbent, masters } = this;
    if (role === 'incumbent') return incumbent;
    const gen = this.#genOf(incumbent);
    if (role === 'candidate') return masters.find((one) => one.gen > gen)?.pid;
    return masters.findLast((one) => one.gen < gen)?.pid;
  }

  #genOf(pid: number | undefined): number {
    return this.#holdfast.events('master.start').findLast((line) => line.pid === pid)?.gen ?? NaN;
  }

  #isCandidate({ role, pid, gen }: MarkedProcess): boolean {
    return role === 'master' && pid !== this.incumbent && !(gen < this.#genOf(this.incumbent));
  }

  #isRetiree({ role, gen }: MarkedProcess): boolean {
    return role === 'master' && gen < this.#genOf(this.incumbent);
  }

  #kill(is: (one: MarkedProcess) => boolean, which: number, role: string): void {
    const found = this.#holdfast.processes().filter(is);
    this.send(found[Math.floor(which * found.length)]?.pid, 'SIGKILL', role);
  }

  #stop(which: number, milliseconds: number): void {
    const found = this.#holdfast.processes();
    const one = found[Math.floor(which * found.length)];
    if (one === undefined) return;
    this.send(one.pid, 'SIGSTOP', `${one.role} for ${milliseconds} ms`);
    const thaw = async () => {
      await pause(milliseconds);
      ofProcess(() => process.kill(one.pid, 'SIGCONT'));
    };
    this.#thawed.push(thaw());
  }
}
