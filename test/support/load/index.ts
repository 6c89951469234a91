// The test's side of the load. The clients run in a process of their own, so that what the test does delays none of them.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { alarm } from '../patience.js';
import type { Test } from '../temp.js';
import type { Answer, Ask } from './messages.js';
import type { LoadOptions, Report } from './report.js';

export type { LoadOptions, Plain, Reason, Report } from './report.js';

/** A mix of every kind that two processors carry together with the server. */
export const everyKind = {
  short: 4,
  hot: 4,
  keepAlive: 8,
  patient: 4,
  idle: 4,
  unused: 2,
  slow: 4,
  upload: 4,
  early: 2,
  pipelined: 4,
  longPoll: 2,
  stream: 2,
  halfHead: 2,
} as const satisfies LoadOptions['mix'];

const WAIT_MS = 30_000;

/** Starts clients that never retry and classify every failure; they run until `stop`. */
export function startLoad(t: Test, options: LoadOptions): Load {
  return new Load(t, options);
}

export class Load {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #asked = 0;

  constructor(t: Test, options: LoadOptions) {
    this.#child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), { execArgv: [], serialization: 'advanced' });
    this.#child.setMaxListeners(0);
    this.#exited = once(this.#child, 'exit');
    t.teardown(() => this.#end());
    this.#child.send({ do: 'start', options, id: 0 } satisfies Ask);
  }

  /** Resolves when every kind has had so many good answers (one, for kinds that take seconds). */
  warm(answers: number, timeoutMs = WAIT_MS): Promise<Report> {
    return this.#ask({ do: 'warm', answers }, timeoutMs);
  }

  /** From here counts `answeredAtLeast` and `sinceMark`. */
  async mark(): Promise<void> {
    await this.#ask({ do: 'mark' });
  }

  /** Resolves, with what happened since the mark (or the start), when so many good answers have come since then. */
  answeredAtLeast(answers: number, timeoutMs = WAIT_MS): Promise<Report> {
    return this.#ask({ do: 'answered', answers }, timeoutMs);
  }

  /** The same for failures, for a test that expects them. */
  failedAtLeast(failures: number, timeoutMs = WAIT_MS): Promise<Report> {
    return this.#ask({ do: 'failed', failures }, timeoutMs);
  }

  /** Everything so far. */
  report(): Promise<Report> {
    return this.#ask({ do: 'report' });
  }

  sinceMark(): Promise<Report> {
    return this.#ask({ do: 'report', since: 'mark' });
  }

  /** Lets each client finish the exchange at hand, and tells everything. */
  async stop(): Promise<Report> {
    const report = await this.#ask({ do: 'stop' });
    await this.#end();
    return report;
  }

  async #end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #ask(what: DistributiveOmit<Ask, 'id'>, timeoutMs = WAIT_MS): Promise<Report> {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((resolve, reject) => {
      const done = () => {
        callOff();
        this.#child.off('message', answered).off('exit', ended);
      };
      const fail = (why: string) => {
        done();
        reject(new Error(`load: ${JSON.stringify(what)}: ${why}`));
      };
      const answered = (answer: unknown) => {
        const { id: its, report } = answer as Answer;
        if (its !== id) return;
        done();
        resolve(report);
      };
      const ended = () => fail('its process has ended');
      const callOff = alarm(timeoutMs, () => fail(`not within ${timeoutMs} ms`));
      this.#child.on('message', answered).on('exit', ended);
      this.#child.send({ ...what, id } as Ask, (error) => error && fail(error.message));
    });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
