// Runs in the load's process: all clients of one load, told by messages from the test what to wait for.
import { setMaxListeners } from 'node:events';
import { Client } from './client.js';
import { isRare, kinds } from './kinds.js';
import type { Answer, Ask } from './messages.js';
import { Pace } from './pace.js';
import { type KindName, kindNames, type LoadOptions } from './report.js';
import { Tally } from './tally.js';

const atOnce = () => Promise.resolve();

class Run {
  readonly tally: Tally;
  readonly #stop = new AbortController();
  readonly #paces: Readonly<Partial<Record<KindName, Pace>>>;
  readonly #clients: Promise<void>[];
  readonly #limit: NodeJS.Timeout;

  constructor(options: LoadOptions) {
    const mixed = kindNames.filter((kind) => (options.mix[kind] ?? 0) > 0);
    // Every client listens for the stop.
    setMaxListeners(0, this.#stop.signal);
    this.tally = new Tally(mixed);
    this.#paces = { hot: new Pace(options.hotPerSecond ?? 2000), short: new Pace(options.shortPerSecond ?? 1000) };
    this.#clients = mixed.flatMap((kind) =>
      Array.from({ length: options.mix[kind] ?? 0 }, (_, id) =>
        new Client(options, kind, id, this.tally, this.#stop.signal).run((client) =>
          kinds[kind](client, this.#paces[kind]?.turn ?? atOnce),
        ),
      ),
    );
    const limitMs = options.limitMs ?? 120_000;
    this.#limit = setTimeout(() => this.#cutOff(limitMs), limitMs);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#limit);
    this.#stop.abort();
    this.tally.stopping();
    for (const pace of Object.values(this.#paces)) pace.end();
    await Promise.all(this.#clients);
  }

  #cutOff(limitMs: number): void {
    this.tally.failed('load', 'load-cut-off', `still running after ${limitMs} ms`);
    void this.stop();
  }
}

let run: Run | undefined;

async function carryOut(ask: Ask): Promise<Answer> {
  if (ask.do === 'start') run = new Run(ask.options);
  if (run === undefined) throw new Error('the load has not been started');
  switch (ask.do) {
    case 'warm':
      await run.tally.warm(ask.answers, isRare);
      break;
    case 'mark':
      run.tally.mark();
      break;
    case 'answered':
      await run.tally.answeredAtLeast(ask.answers);
      return { id: ask.id, report: run.tally.report('mark') };
    case 'failed':
      await run.tally.failedAtLeast(ask.failures);
      return { id: ask.id, report: run.tally.report('mark') };
    case 'stop':
      await run.stop();
      break;
  }
  return { id: ask.id, report: run.tally.report(ask.since ?? 'start') };
}

process.on('message', (ask: Ask) => {
  void carryOut(ask).then((answer) => process.send?.(answer));
});
// The test is gone: nobody is left to report to.
process.on('disconnect', () => process.exit());
