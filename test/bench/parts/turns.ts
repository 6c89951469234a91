/** The turns of a contest: each runner for a second, again and again, and what that took of the processors. */
import { availableParallelism } from 'node:os';
import type { Effort } from '../part.js';
import { processorTimeOf, processorTimeOfAll } from '../processor.js';
import { inScope } from '../scope.js';
import type { Running } from '../subjects/subject.js';
import { throughput } from '../wrk.js';
import type { Contest } from './contests.js';

/** Seconds. */
const [WARM_UP, TURN] = [2, 1];
const ROUNDS = 10;

/** What one turn of one runner found out. */
export interface Turn {
  readonly perSecond: number;
  /** What a request took of the processors, in all processes that serve, and in the client. Microseconds. */
  readonly server: number;
  readonly client: number;
  /** The part of one processor that the client took, and of all that neither took and was not idle. */
  readonly busy: number;
  readonly strangers: number;
}

/** By the runners' labels. */
export type Figures = ReadonlyMap<string, readonly Turn[]>;

interface Entrant {
  readonly label: string;
  readonly running: Running;
  readonly turns: Turn[];
}

export function hold({ name, workers, connections, runners }: Contest, { quick, progress }: Effort): Promise<Figures> {
  return inScope(async (t) => {
    const all: Entrant[] = [];
    for (const { label, subject, args = [] } of runners)
      all.push({ label, running: await subject.start(t, { workers, app: 'hello.js', args }), turns: [] });
    const round = async (seconds: number, order = all) => {
      for (const { running, turns } of order) turns.push(await oneTurn(running, () => throughput(running.target, connections, seconds)));
    };
    const rounds = quick ? 1 : ROUNDS;
    // To warm up.
    if (!quick) await round(WARM_UP);
    for (const { turns } of all) turns.splice(0);
    for (let n = 1; n <= rounds; n += 1) {
      // Turned round each time, so that nobody always comes behind the same one.
      await round(TURN, n % 2 === 0 ? all : all.toReversed());
      const last = all.map(({ turns }) => Math.round(turns.at(-1)?.perSecond ?? 0));
      progress(`${name}, round ${n} of ${rounds}: ${last.join(', ')} a second`);
    }
    return new Map(all.map(({ label, turns }) => [label, turns]));
  });
}

async function oneTurn({ session }: Running, measure: () => ReturnType<typeof throughput>): Promise<Turn> {
  const [served, used] = [processorTimeOf(session), processorTimeOfAll()];
  const { perSecond, requests, client, elapsed } = await measure();
  const [server, all] = [processorTimeOf(session) - served, processorTimeOfAll() - used];
  return {
    perSecond,
    server: (server / requests) * 1e6,
    client: (client / requests) * 1e6,
    busy: client / elapsed,
    strangers: Math.max(0, all - server - client) / (elapsed * availableParallelism()),
  };
}
