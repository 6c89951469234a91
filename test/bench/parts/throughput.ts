/** Requests in a second beside bare Node, node:cluster and PM2, each subject in turn, again and again. */
import { availableParallelism } from 'node:os';
import type { Bar, Effort, Part, Row } from '../part.js';
import { processorTimeOf, processorTimeOfAll } from '../processor.js';
import { figure } from '../report.js';
import { inScope } from '../scope.js';
import { ratioOf, type Spread, spreadOf } from '../statistics.js';
import { holdfast } from '../subjects/holdfast.js';
import type { Running } from '../subjects/subject.js';
import { missingWrk, throughput } from '../wrk.js';
import { type Contest, contests, type Runner, SHORT } from './contests.js';

/** Seconds. */
const [WARM_UP, TURN] = [2, 1];
const ROUNDS = 10;

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
  const remarks: string[] = [];
  for (const contest of await contests(notes)) {
    const figures = await hold(contest, effort);
    rows.push(...rowsOf(contest, figures));
    bars.push(...barsOf(contest, figures));
    notes.push(...notesOf(contest, figures));
    remarks.push(...beyondReach(contest, figures));
    strangers.push(...[...figures.values()].flat().map((turn) => turn.strangers));
    for (const { subject } of contest.runners) versions[subject.name] = await subject.version();
  }
  notes.push(
    'the client is wrk, one thread with 64 connections, on the same processors as the servers; it is in a session of its own and so are all processes of what it asks, for the kernel divides the processors between sessions first (sched_autogroup_enabled)',
    `what else ran on this machine while requests were counted took ${percent(spreadOf(strangers).median)} % of the processors`,
  );
  const title = 'Requests per second over the first of each group; a connection per request, unless keep-alive';
  return { rows, plots: [{ is: 'bars', name: 'throughput', title, unit: '', bars }], remarks, versions, notes };
}

interface Entrant {
  readonly label: string;
  readonly running: Running;
  readonly turns: Turn[];
}

function hold({ name, workers, connections, runners }: Contest, { quick, progress }: Effort): Promise<Figures> {
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

function rowsOf({ name, pairs }: Contest, figures: Figures): Row[] {
  return pairs.flatMap(({ of, over, goal, bare }) => {
    const row = (what: string, key: keyof Turn): Row => ({
      what: `${what}, ${name}: ${of} over ${over}`,
      measured: ratio(figures, of, over, key),
      unit: '',
      ...(goal === undefined ? {} : { goal }),
    });
    return [row('requests/s', 'perSecond'), ...(bare === true ? [row('processor time of a request', 'server')] : [])];
  });
}

/** What is missed by those too that do nothing but serve is not for a supervisor to reach. */
function beyondReach({ name, pairs, ceilings }: Contest, figures: Figures): string[] {
  return pairs.flatMap(({ of, over, goal }) => {
    const most = Math.max(...ceilings.map((label) => ratio(figures, label, over).median));
    if (!(most < Number(goal))) return [];
    return `${name}: ${goal} times ${over} is out of reach for ${of} on this machine and with this client; bare servers with nothing around them come to ${figure(most)}.`;
  });
}

function barsOf({ name, runners }: Contest, figures: Figures): Bar[] {
  const [base] = runners as [Runner];
  return runners.map(({ label, subject }) => ({
    label: `${name.replace(SHORT, '')}: ${label}`,
    value: ratio(figures, label, base.label),
    ours: subject === holdfast,
  }));
}

/** Absolute figures, from which follows what no server could do better with this client. */
function notesOf({ name, runners }: Contest, figures: Figures): string[] {
  const of = (label: string, key: keyof Turn) => spreadOf((figures.get(label) ?? []).map((turn) => turn[key])).median;
  const [{ label: base }] = runners as [Runner];
  const [rate, client] = [of(base, 'perSecond'), Math.min(...runners.map(({ label }) => of(label, 'client')))];
  const servers = runners.map(({ label }) => `${label} ${Math.round(of(label, 'server'))}`).join(', ');
  const busy = Math.max(...[...figures.values()].flat().map((turn) => turn.busy));
  return [
    `${name}: ${base} answered ${Math.round(rate)} a second; a request takes ${Math.round(client)} microseconds of a processor in the client, so that it can ask for ${figure(1e6 / client / rate)} times that and no more, however fast the server is; it took ${percent(busy)} % of a processor at most`,
    `${name}: in all processes of the server a request takes, in microseconds: ${servers}`,
  ];
}

function ratio(figures: Figures, of: string, over: string, key: keyof Turn = 'perSecond'): Spread {
  const [ours = [], theirs = []] = [of, over].map((label) => (figures.get(label) ?? []).map((turn) => turn[key]));
  return ratioOf(ours, theirs);
}

function percent(part: number): number {
  return Math.round(part * 100);
}
