/** How this process was started, so that it can be started again the same way (any role). */
import { readFileSync, statSync } from 'node:fs';

export interface Command {
  /** The command line as typed: never empty. */
  readonly argv: readonly [string, ...string[]];
  /** The working directory by its logical name, through the symlinks that the operator went through. */
  readonly directory: string;
  /** The environment, without what one generation says to the next. */
  readonly env: NodeJS.ProcessEnv;
}

/** Read it before anything changes the process title, which overwrites the command line. */
export function readCommand(): Command {
  return { argv: typed(), directory: logicalDirectory(), env: { ...process.env } };
}

/** proc(5), /proc/PID/cmdline: unlike process.argv it has the program and the script as typed. */
function typed(): readonly [string, ...string[]] {
  const resolved = [process.argv0, ...process.execArgv, ...process.argv.slice(1)];
  try {
    const [program, ...args] = readFileSync('/proc/self/cmdline', 'utf8').split('\0').slice(0, -1);
    return program === undefined ? ['node', ...resolved] : [program, ...args];
  } catch {
    return [process.execPath, ...resolved.slice(1)];
  }
}

/** $PWD, if it is still this directory: `current`, where process.cwd() says `releases/41`. */
function logicalDirectory(): string {
  const physical = process.cwd();
  const logical = process.env['PWD'];
  if (logical === undefined || !logical.startsWith('/')) return physical;
  const here = statSync('.');
  const there = statSync(logical, { throwIfNoEntry: false });
  return there !== undefined && there.ino === here.ino && there.dev === here.dev ? logical : physical;
}
