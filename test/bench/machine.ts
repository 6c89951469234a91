/** Where it was measured. */
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';

const GIB = 2 ** 30;

export function machine(): string {
  const memory = `${Math.round(totalmem() / GIB)} GiB`;
  return `${availableParallelism()} x ${cpus()[0]?.model ?? 'an unknown processor'}, ${memory}, ${type()} ${release()}, Node ${process.version.slice(1)}`;
}

/** Processes that want a processor, the bench's own not yet among them: figures from a busy machine are worth little. */
export function busyness(): number {
  return loadavg()[0] ?? 0;
}
