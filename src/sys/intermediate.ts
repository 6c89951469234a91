/** Node has no fork(2): a child that is to be nobody's is started by another one that leaves at once. */
import { existsSync } from 'node:fs';

/** A process that starts the command in the background and exits at once: its child becomes nobody's, or the keeper's. */
export function intermediate(argv: readonly [string, ...string[]], descriptors: number): readonly [string, ...string[]] {
  if (existsSync('/bin/sh')) return ['/bin/sh', '-c', '"$0" "$@" & exit 0', ...argv];
  const stdio = `Array.from({ length: ${descriptors} }, (_, fd) => fd)`;
  const start = `const [file, ...args] = process.argv.slice(1); require('child_process').spawn(file, args, { stdio: ${stdio} }).unref()`;
  return [process.execPath, '-e', start, '--', ...argv];
}
