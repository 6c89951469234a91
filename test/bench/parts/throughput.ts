/** Requests in a second beside bare Node, node:cluster and PM2, each subject in turn, again and again. */
import { availableParallelism } from 'node:os';
import type { Bar, Effort, Part, Row } from '../part.js';
import { processorTimeOf, processorTimeOfAll } from '../processor.js';
import { inScope } from '../scope.js';
import { ratioOf, spreadOf } from '../statistics.js';
import { holdfast } from '../subjects/holdfast.js';
import type { Running } from '../subjects/subject.js';
import { missingWrk, throughput } from '../wrk.js';
import { type Contest, contests, type Runner, SHORT } from './contests.js';

/** The first round, which warms up, is of twice that. Seconds. */
const TURN = 1;
const ROUNDS = 12;

/** What one turn of one runner found out. */
interface Turn {
  readonly perSecond: number;
  /** What a request took of the processors, in all processes that serve, and in the client. Microseconds. */
  readonly server: number;
  readonly client: number;
  /** The part of one processor that the client took, and of all that neither took and was not idle. */
  readonly busy: number;
  readonly strangers: number;
}

type Figures = ReadonlyMap<string, readonly Turn[]>;

export async function measureThroughput(effort: Effort): Promise<Part> {
  const lacking = missingWrk();
  if (lacking !== undefined) return { rows: [], plots: [], versions: {}, notes: [`requests in a second: ${lacking}`] };
  const notes: string[] = [];
  const rows: Row[] = [];
  const bars: Bar[] = [];
  const versions: Record<string, string> = {};
  const strangers: number[] = [];
  for (const contest of await contests(notes)) {
    const figures = await hold(contest, effort);
    rows.push(...rowsOf(contest, figures));
    bars.push(...barsOf(contest, figures));
    notes.push(...notesOf(contest, figures));
    strangers.push(...[...figures.values()].flat().map((turn) => turn.strangers));
    for (const { subject } of contest.runners) versions[subject.name] = await subject.version();
  }
  notes.push(`while requests were counted, neither client nor server took ${percent(spreadOf(strangers).median)} % of the processors`);
  const title = 'Requests per second over the first of each group; a connection per request, unless keep-alive';
  return { rows, plots: [{ is: 'bars', name: 'throughput', title, unit: '', bars }], versions, notes };
}

/** In an order that is turned round each time, so that nobody always comes behind the same one. */
function hold({ name, workers, connections, runners }: Contest, { quick, progress }: Effort): Promise<Figures> {
  return inScope(async (t) => {
    const all: { readonly label: string; readonly running: Running; readonly turns: Turn[] }[] = [];
    for (const { label, subject, args = [] } of runners)
      all.push({ label, running: await subject.start(t, { workers, app: 'hello.js', args }), turns: [] });
    const rounds = quick ? 1 : ROUNDS;
    for (let round = quick ? 1 : 0; round <= rounds; round += 1) {
      for (const { running, turns } of round % 2 === 0 ? all : all.toReversed()) {
        const turn = await oneTurn(running, () => throughput(running.target, connections, round === 0 ? 2 * TURN : TURN));
        if (round > 0) turns.push(turn);
      }
      progress(
        `${name}, round ${round} of ${rounds}: ${all.map(({ turns }) => Math.round(turns.at(-1)?.perSecond ?? 0)).join(', ')} a second`,
      );
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

function rowsOf({ name, pairs }: Contest, figures: Figures): Row[] {
  return pairs.map(({ of, over, goal }) => ({
    what: `requests/s, ${name}: ${of} over ${over}`,
    measured: ratio(figures, of, over),
    unit: '',
    ...(goal === undefined ? {} : { goal }),
  }));
}

function barsOf({ name, runners }: Contest, figures: Figures): Bar[] {
  const [base] = runners as [Runner];
  return runners.map(({ label, subject }) => ({
    label: `${name.replace(SHORT, '')}: ${label}`,
    value: ratio(figures, label, base.label),
    ours: subject === holdfast,
  }));
}

/** Absolute figures, from which follows what no server could do better with this client on these processors. */
function notesOf({ name, runners }: Contest, figures: Figures): string[] {
  const of = (label: string, key: keyof Turn) => spreadOf((figures.get(label) ?? []).map((turn) => turn[key])).median;
  const [base] = runners as [Runner];
  const busy = Math.max(...[...figures.values()].flat().map((turn) => turn.busy));
  const took = runners.map(({ label }) => `${label} ${Math.round(of(label, 'server'))}`).join(', ');
  const client = Math.min(...runners.map(({ label }) => of(label, 'client')));
  const most = 1e6 / client / of(base.label, 'perSecond');
  return [
    `${name}: ${base.label} answered ${Math.round(of(base.label, 'perSecond'))} a second; the client took ${percent(busy)} % of a processor at most`,
    `${name}: a request took of the processors, in microseconds: ${took}; the client ${Math.round(client)}, so that it cannot ask for more than ${most.toFixed(1)} times what ${base.label} answered`,
  ];
}

function ratio(figures: Figures, of: string, over: string) {
  const [ours, theirs] = [of, over].map((label) => (figures.get(label) ?? []).map((turn) => turn.perSecond));
  return ratioOf(ours ?? [], theirs ?? []);
}

function percent(part: number): number {
  return Math.round(part * 100);
}
