/** How this process was started, so that it can be started again the same way (any role). */
import { readFileSync, statSync } from 'node:fs';
import { HoldfastError } from '../errors.js';

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
  const physical = physicalDirectory();
  const directory = logicalDirectory(physical);
  return { argv: throughLogical(typed(), physical, directory), directory, env: { ...process.env } };
}

/** proc(5), /proc/PID/cmdline: unlike process.argv it has the program and the script as typed. */
function typed(): readonly [string, ...string[]] {
  try {
    const [program, ...args] = readFileSync('/proc/self/cmdline', 'utf8').split('\0').slice(0, -1);
    if (program !== undefined) return [program, ...args];
  } catch {
    // There is no /proc, as on macOS. What Node tells has the program as typed too, and the script by its physical name.
  }
  return [process.argv0, ...process.execArgv, ...process.argv.slice(1)];
}

function physicalDirectory(): string {
  const directory = workingDirectory();
  // In the place of bytes that are no UTF-8; a directory of that name is another one, or none.
  if (!directory.includes('\ufffd')) return directory;
  throw new HoldfastError(`cannot start here: the name of ${directory} is not UTF-8 (rename it)`);
}

/** getcwd(3) fails in a directory that was removed. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new HoldfastError('cannot start here: the current directory was removed (cd to where the app is)', undefined, { cause });
  }
}

/** npx names Holdfast's own script by the physical directory, and so by the release that one leaves: the way there leads through `current`. */
function throughLogical(argv: readonly [string, ...string[]], physical: string, logical: string): readonly [string, ...string[]] {
  const script = 1 + process.execArgv.length;
  const [program, ...args] = argv.map((word, at) =>
    at === script && word.startsWith(`${physical}/`) ? logical + word.slice(physical.length) : word,
  );
  return [program ?? argv[0], ...args];
}

/** $PWD, if it is still this directory: `current`, where process.cwd() says `releases/41`. */
function logicalDirectory(physical: string): string {
  const logical = process.env['PWD'];
  if (logical === undefined || !logical.startsWith('/')) return physical;
  return isHere(logical) ? logical : physical;
}

/** False in a directory that this user may not enter, as after `sudo -u shop` in /root: who needs to be there will say so. */
function isHere(directory: string): boolean {
  try {
    const [here, there] = [statSync('.'), statSync(directory)];
    return there.ino === here.ino && there.dev === here.dev;
  } catch {
    return false;
  }
}
