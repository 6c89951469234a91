/** What each subject loses when it replaces itself under load: the same clients, which never retry, one subject after the other. */
import { messageOf } from '#src/errors.js';
import { type LoadOptions, type Report, startLoad } from '../../support/load/index.js';
import type { Effort, Failed, Loss, Part } from '../part.js';
import { inScope } from '../scope.js';
import { spreadOf } from '../statistics.js';
import { holdfast } from '../subjects/holdfast.js';
import { nodeCluster } from '../subjects/node.js';
import { pm2 } from '../subjects/pm2.js';
import type { Subject } from '../subjects/subject.js';
import { gunicorn, nginx, unicorn } from '../subjects/unix.js';

const SUBJECTS = [holdfast, nodeCluster, pm2, gunicorn, unicorn, nginx];
const WORKERS = 2;
const KEEP_ALIVE_MS = 5_000;
const BETWEEN = 500;
/** As many as the machine can do. */
const UNPACED = 1_000_000;

type Mix = LoadOptions['mix'];
const MIXED: Mix = { short: 8, keepAlive: 16, slow: 4, upload: 4 };
const WITHOUT_APP: Mix = { short: 8, keepAlive: 16 };
const HOT: Mix = { hot: 32 };

export async function measureLoss(effort: Effort): Promise<Part> {
  const [loss, notes, versions]: [Loss[], string[], Record<string, string>] = [[], [], {}];
  for (const subject of SUBJECTS) {
    const lacking = await subject.missing();
    if (lacking !== undefined) {
      notes.push(`${subject.name}: ${lacking}`);
      effort.progress(`skipped: ${lacking}`);
      continue;
    }
    versions[subject.name] = await subject.version();
    await lossOf(subject, effort, loss).catch((error: unknown) => {
      notes.push(`${subject.name}: could not be measured to the end: ${messageOf(error)}`);
    });
  }
  notes.push('mixed: 8 clients with a connection per request, 16 keep-alive with 20 ms of think time, 4 slow requests, 4 chunked uploads');
  notes.push('hot: 32 keep-alive clients without think time');
  notes.push('node:cluster: whoever is told to disconnect() serves its busy connections on for as long as they last, and is not killed');
  notes.push('nginx has no app: it is asked for nothing slow and no upload');
  return { rows: [], plots: [plotOf(loss)], loss, versions, notes };
}

async function lossOf(subject: Subject, { quick, progress }: Effort, found: Loss[]): Promise<void> {
  const times = quick ? 1 : 8;
  const operations = await inScope(async (t) => (await subject.start(t, { workers: WORKERS, app: 'full.js' })).operations.length);
  for (let which = 0; which < operations; which += 1) {
    const mixed = await under(subject, which, subject.hasApp ? MIXED : WITHOUT_APP, times);
    const hot = await under(subject, which, HOT, times);
    found.push({ subject: subject.name, operation: mixed.operation, times, mixed, hot });
    progress(`${subject.name} ${mixed.operation}: mixed ${JSON.stringify(mixed)}, hot ${JSON.stringify(hot)}`);
  }
}

function plotOf(loss: readonly Loss[]): Part['plots'][number] {
  const bars = loss.map(({ subject, operation, times, mixed, hot }) => {
    const each = (mixed.failed + mixed.closed + hot.failed + hot.closed) / times;
    return { label: `${subject}: ${operation}`, value: spreadOf([each]), ours: subject === holdfast.name };
  });
  return {
    is: 'bars',
    name: 'loss',
    title: 'Requests that failed and connections that were closed each time that it replaces itself, mixed and hot load together',
    unit: '',
    bars,
  };
}

interface Outcome extends Failed {
  readonly operation: string;
  readonly reasons: Report['reasons'];
}

function under(subject: Subject, which: number, mix: Mix, times: number): Promise<Outcome> {
  return inScope(async (t) => {
    const { target, operations } = await subject.start(t, { workers: WORKERS, app: 'full.js' });
    const operation = operations[which];
    if (operation === undefined) throw new RangeError(`${subject.name} has no operation ${which}`);
    const load = startLoad(t, { target, mix, keepAliveTimeoutMs: KEEP_ALIVE_MS, hotPerSecond: UNPACED, limitMs: 600_000 });
    await load.warm(5, 60_000);
    for (let time = 0; time < times; time += 1) {
      await operation.run();
      await load.mark();
      await load.answeredAtLeast(BETWEEN, 60_000);
    }
    const { total, failed, reasons } = await load.stop();
    const closed = reasons['idle-closed-early'] ?? 0;
    return { operation: operation.name, total, failed: failed - closed, closed, reasons };
  });
}
