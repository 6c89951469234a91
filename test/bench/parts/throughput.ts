/** Requests in a second beside bare Node, node:cluster and PM2, each subject in turn, again and again. */
import type { Bar, Effort, Part, Row } from '../part.js';
import { inScope } from '../scope.js';
import { ratioOf, spreadOf } from '../statistics.js';
import { hasOption, holdfast } from '../subjects/holdfast.js';
import { bareNode, nodeCluster } from '../subjects/node.js';
import { pm2 } from '../subjects/pm2.js';
import type { Running, Subject } from '../subjects/subject.js';
import { type Connections, missingWrk, throughput } from '../wrk.js';

interface Runner {
  readonly label: string;
  readonly subject: Subject;
  readonly args?: readonly string[];
}

/** All beside each other; the first is the base. */
interface Contest {
  readonly name: string;
  readonly workers: number;
  readonly connections: Connections;
  readonly goals: Readonly<Record<string, string>>;
  readonly runners: readonly Runner[];
}

/** What the plot says in its title. */
const SHORT = ', a connection per request';
const NOISE = '1.00 within noise';

async function contests(notes: string[]): Promise<readonly Contest[]> {
  const ours: Runner = { label: 'Holdfast', subject: holdfast };
  const bare: Runner = { label: 'bare node', subject: bareNode };
  const cluster: Runner = { label: 'node:cluster', subject: nodeCluster };
  const reuse = (await hasOption('--reuse-port')) ? [{ label: 'Holdfast --reuse-port', subject: holdfast, args: ['--reuse-port'] }] : [];
  if (reuse.length === 0) notes.push('--reuse-port: this Holdfast has no such option');
  const absent = await pm2.missing();
  if (absent !== undefined) notes.push(`PM2: ${absent}`);
  const peers = absent === undefined ? [{ label: 'PM2', subject: pm2 }] : [];
  return [
    { name: '1 worker, keep-alive', workers: 1, connections: 'keep-alive', goals: { Holdfast: NOISE }, runners: [bare, ours] },
    {
      name: '1 worker, a connection per request',
      workers: 1,
      connections: 'per request',
      goals: { Holdfast: NOISE },
      runners: [bare, ours],
    },
    {
      name: '2 workers, a connection per request',
      workers: 2,
      connections: 'per request',
      goals: { Holdfast: '2.1' },
      runners: [cluster, ours, ...reuse, ...peers],
    },
    {
      name: '4 workers, a connection per request',
      workers: 4,
      connections: 'per request',
      goals: { Holdfast: '1.2', 'Holdfast --reuse-port': '1.8' },
      runners: [cluster, ours, ...reuse],
    },
  ];
}

export async function measureThroughput(effort: Effort): Promise<Part> {
  const lacking = missingWrk();
  if (lacking !== undefined) return { rows: [], plots: [], versions: {}, notes: [`requests in a second: ${lacking}`] };
  const notes: string[] = [];
  const rows: Row[] = [];
  const bars: Bar[] = [];
  const versions: Record<string, string> = {};
  for (const contest of await contests(notes)) {
    const { figures, busy } = await hold(contest, effort);
    const [base] = contest.runners;
    for (const { label, subject } of contest.runners) {
      versions[subject.name] = await subject.version();
      const ratio = ratioOf(figures.get(label) ?? [], figures.get(base?.label ?? '') ?? []);
      bars.push({ label: `${contest.name.replace(SHORT, '')}: ${label}`, value: ratio, ours: subject === holdfast });
      const goal = contest.goals[label];
      if (label === base?.label) continue;
      rows.push({
        what: `requests/s, ${contest.name}: ${label} over ${base?.label}`,
        measured: ratio,
        unit: '',
        ...(goal === undefined ? {} : { goal }),
      });
    }
    const rate = Math.round(spreadOf(figures.get(base?.label ?? '') ?? []).median);
    notes.push(
      `${contest.name}: ${base?.label} answered ${rate} a second; the client took ${Math.round(busy * 100)} % of a processor at most`,
    );
  }
  const plot = {
    is: 'bars',
    name: 'throughput',
    title: 'Requests per second over the first of each group; a connection per request, unless keep-alive',
    unit: '',
    bars,
  } as const;
  return { rows, plots: [plot], versions, notes };
}

interface Held {
  readonly figures: ReadonlyMap<string, readonly number[]>;
  readonly busy: number;
}

function hold({ name, workers, connections, runners }: Contest, { quick, progress }: Effort): Promise<Held> {
  return inScope(async (t) => {
    const running = new Map<string, Running>();
    for (const { label, subject, args = [] } of runners) running.set(label, await subject.start(t, { workers, app: 'hello.js', args }));
    const figures = new Map<string, number[]>(runners.map(({ label }) => [label, []]));
    let busiest = 0;
    const [rounds, seconds] = quick ? [1, 1] : [6, 2];
    // The first round only warms up.
    for (let round = quick ? 1 : 0; round <= rounds; round += 1) {
      for (const [label, { target }] of running) {
        const { perSecond, busy } = await throughput(target, connections, seconds);
        progress(`${name}, round ${round} of ${rounds}: ${label} ${Math.round(perSecond)}/s`);
        busiest = Math.max(busiest, busy);
        if (round > 0) figures.get(label)?.push(perSecond);
      }
    }
    return { figures, busy: busiest };
  });
}
