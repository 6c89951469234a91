/** Requests in a second beside bare Node, node:cluster and PM2, each subject in turn, again and again. */
import type { Bar, Effort, Part, Row } from '../part.js';
import { figure } from '../report.js';
import { ratioOf, type Spread, spreadOf } from '../statistics.js';
import { holdfast } from '../subjects/holdfast.js';
import { missingWrk } from '../wrk.js';
import { type Contest, contests, type Runner, SHORT } from './contests.js';
import { type Figures, hold, type Turn } from './turns.js';

const CLIENT =
  'the client is wrk, one thread with 64 connections, on the same processors as the servers; it is in a session of its own and so are all processes of what it asks, for the kernel divides the processors between sessions first (sched_autogroup_enabled)';

const NONE: Spread = { median: 0, low: 0, high: 0, count: 0 };
/** Of the processors: what others may take while requests are counted, if the figures are to mean something. */
const MOST_OF_OTHERS = 0.05;

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
  const others = spreadOf(strangers).median;
  if (others > MOST_OF_OTHERS) remarks.splice(0, remarks.length, `**${saidOf(others)}: the requests per second are worth nothing.**`);
  notes.push(CLIENT, saidOf(others));
  const title = 'Requests per second over the first of each group; a connection per request, unless keep-alive';
  return { rows, plots: [{ is: 'bars', name: 'throughput', title, unit: '', bars }], remarks, versions, notes };
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

/** What is missed, and by those too that do nothing but serve, in three turns of four: that is not for a supervisor to reach. */
function beyondReach({ name, pairs, ceilings }: Contest, figures: Figures): string[] {
  return pairs.flatMap(({ of, over, goal }) => {
    const best = ceilings
      .map((label) => ratio(figures, label, over))
      .reduce((one, other) => (other.median > one.median ? other : one), NONE);
    if (!(ratio(figures, of, over).median < Number(goal) && best.high < Number(goal))) return [];
    return `${name}: ${goal} times ${over} is out of reach for ${of} on this machine and with this client; bare servers with nothing around them come to ${figure(best.median)}.`;
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

function saidOf(others: number): string {
  return `What else ran on this machine while requests were counted took ${percent(others)} % of the processors`;
}

function percent(part: number): number {
  return Math.round(part * 100);
}
