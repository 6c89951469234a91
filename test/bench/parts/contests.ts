/** Who is measured beside whom. */
import { hasOption, holdfast } from '../subjects/holdfast.js';
import { bareNode, nodeCluster, serversOnOneSocket, serversWithSockets } from '../subjects/node.js';
import { pm2 } from '../subjects/pm2.js';
import type { Subject } from '../subjects/subject.js';
import type { Connections } from '../wrk.js';

export interface Runner {
  readonly label: string;
  readonly subject: Subject;
  readonly args?: readonly string[];
}

/** A row of the table: one runner by another one, turn by turn. */
interface Pair {
  readonly of: string;
  readonly over: string;
  readonly goal?: string;
  /** The other one is bare: what ours takes of the processors in addition is a row of its own, for the client's share hides some of it in the first. */
  readonly bare?: true;
}

/** All beside each other; the first is the plot's base. */
export interface Contest {
  readonly name: string;
  readonly workers: number;
  readonly connections: Connections;
  readonly runners: readonly Runner[];
  readonly pairs: readonly Pair[];
  /** Of those runners that have nothing around their servers. */
  readonly ceilings: readonly string[];
}

/** What the plot says in its title. */
export const SHORT = ', a connection per request';
const NOISE = '1.00 within noise';

const OURS: Runner = { label: 'Holdfast', subject: holdfast };
const DIVIDED: Runner = { label: 'Holdfast --reuse-port', subject: holdfast, args: ['--reuse-port'] };
const BARE: Runner = { label: 'bare node', subject: bareNode };
const CLUSTER: Runner = { label: 'node:cluster', subject: nodeCluster };
const ONE_SOCKET: Runner = { label: 'bare servers on one socket', subject: serversOnOneSocket };
const OWN_SOCKETS: Runner = { label: 'bare servers with a socket each', subject: serversWithSockets };
const PM2: Runner = { label: 'PM2', subject: pm2 };

/** What cannot be measured is left out, and noted. */
export async function contests(notes: string[]): Promise<readonly Contest[]> {
  const divides = await hasOption('--reuse-port');
  if (!divides) notes.push('--reuse-port: this Holdfast has no such option');
  const absent = await pm2.missing();
  if (absent !== undefined) notes.push(`PM2: ${absent}`);
  const isThere = ({ label }: Runner) => (label !== DIVIDED.label || divides) && (label !== PM2.label || absent === undefined);
  return [
    single('1 worker, keep-alive', 'keep-alive'),
    single(`1 worker${SHORT}`, 'per request'),
    several(2, [CLUSTER, OURS, DIVIDED, PM2, ONE_SOCKET, OWN_SOCKETS].filter(isThere), { Holdfast: '2.1' }),
    several(4, [CLUSTER, OURS, DIVIDED, ONE_SOCKET, OWN_SOCKETS].filter(isThere), { Holdfast: '1.2', 'Holdfast --reuse-port': '1.8' }),
  ];
}

function single(name: string, connections: Connections): Contest {
  return {
    name,
    workers: 1,
    connections,
    runners: [BARE, OURS],
    pairs: [{ of: OURS.label, over: BARE.label, goal: NOISE, bare: true }],
    ceilings: [],
  };
}

/** Each over node:cluster, and ours over what has nothing around it: nobody can get more than that out of this machine. */
function several(workers: number, runners: readonly Runner[], goals: Readonly<Record<string, string>>): Contest {
  const overCluster = runners
    .filter((runner) => runner !== CLUSTER)
    .map(({ label }): Pair => ({ of: label, over: CLUSTER.label, ...(goals[label] === undefined ? {} : { goal: goals[label] }) }));
  const overCeiling = [
    { of: OURS, over: ONE_SOCKET },
    { of: DIVIDED, over: OWN_SOCKETS },
  ]
    .filter(({ of }) => runners.includes(of))
    .map(({ of, over }): Pair => ({ of: of.label, over: over.label, goal: NOISE, bare: true }));
  const ceilings = [ONE_SOCKET.label, OWN_SOCKETS.label];
  const pairs = [...overCluster, ...overCeiling];
  return { name: `${workers} workers${SHORT}`, workers, connections: 'per request', runners, pairs, ceilings };
}
