/** In the worker: what it writes to, opened and reopened together. */
import type { Boot } from '../channel/worker-messages.js';
import { messageOf } from '../errors.js';
import type { AccessLog } from '../log/access-log.js';
import { type Log, type LogOptions, openLog } from '../log/log.js';
import { startAccessLog } from './access.js';
import type { Server } from './connections.js';

const [STDOUT, STDERR] = [1, 2];

export class Logs {
  readonly log: Log;
  readonly #trouble: string | undefined;
  readonly #boot: Boot;
  readonly #descriptors: Promise<typeof import('../sys/descriptors.js')> | undefined;
  #access: AccessLog | undefined;

  constructor(boot: Boot) {
    this.#boot = boot;
    // Now, for our directory may be gone when the file is renamed; and only for those who capture.
    if (boot.captureOutput === true) this.#descriptors = import('../sys/descriptors.js');
    const { logFile: file, logLevel: level, generation: gen, name, syslog } = boot;
    const options = { file, level, role: 'worker', gen, pid: process.pid, name, ...(syslog ? { syslog } : {}) } as const;
    const { log, trouble } = openLogAnyway(options);
    this.#trouble = trouble;
    this.log = log.child({ slot: boot.slot });
  }

  /** Why they are not written where they should be. */
  get troubles(): readonly string[] {
    return [this.#trouble, this.#access?.trouble].filter((each) => each !== undefined);
  }

  /** From here on each exchange of this server has its line, if that is wanted. */
  followExchanges(server: Server): void {
    const { access, name, generation: gen, slot } = this.#boot;
    if (access) this.#access = startAccessLog(server, access, { name, gen, slot, pid: process.pid }, this.log);
  }

  reopen(): void {
    this.log.reopen();
    this.#access?.reopen();
    this.#capture().catch((error: unknown) => this.log.warning(null, messageOf(error)));
  }

  /** The file that our standard streams were given has another name by now. */
  async #capture(): Promise<void> {
    const descriptors = await this.#descriptors;
    if (descriptors === undefined) return;
    for (const stream of [STDOUT, STDERR]) if (stream !== this.log.descriptor) descriptors.duplicateOnto(this.log.descriptor, stream);
  }
}

/** The log's directory may be gone with the first release: no reason not to serve. */
function openLogAnyway(options: LogOptions): { readonly log: Log; readonly trouble?: string } {
  try {
    return { log: openLog(options) };
  } catch (error) {
    const log = openLog({ ...options, file: '-' });
    const trouble = `${messageOf(error)}; this worker logs to the standard output`;
    log.warning(null, trouble);
    return { log, trouble };
  }
}
