// Starts the command under test as an operator would, but cut off from the test runner: its own session, a bare environment, files for its output.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { MARK } from './marked.js';
import { fixture, holdfastCommand } from './paths.js';
import { asProcessOne } from './pid-namespace.js';

export interface HoldfastOptions {
  /** Options before the app. Without a `-b` among them, `-b 127.0.0.1:0` is added. */
  readonly args?: readonly string[];
  /** As typed on the command line; the fixture `full.js` if not given. */
  readonly app?: string;
  /** The logical directory: it becomes `$PWD` as a shell would set it, symlinks and all. */
  readonly cwd?: string;
  /** With -D, and the log in the file that its standard output is elsewhere. */
  readonly daemon?: boolean;
  /** On top of a bare environment: nothing of the test runner's own gets through. */
  readonly env?: Readonly<Record<string, string>>;
  /** False: no `-p`. True by default, a path of the test's own directory; a string is the path to use. */
  readonly pidfile?: boolean | string;
  /** The log goes there, by `--log-file`, and is followed there. */
  readonly logFile?: string;
  /** Error lines of the log and lines of stderr that the test expects; true for any. */
  readonly allowErrors?: true | readonly RegExp[];
  /** How long the end of everything may take after the stop, milliseconds; 30 s if not given. */
  readonly stopMs?: number;
  /** What it inherits beside the standard streams, from descriptor 3 on. */
  readonly handed?: readonly number[];
  /** A command that runs it: `setpriv ...`, `unshare ...`. */
  readonly under?: readonly string[];
  /** Another program in Holdfast's place, for the tests of this file. */
  readonly command?: string;
  /** It is process 1 of a PID namespace of its own, as in a container; `canBeProcessOne` says whether that can be had. */
  readonly processOne?: boolean;
  /** The Node that runs it, as typed: a path, or a name of `env.PATH`; the one of the tests if not given. */
  readonly node?: string;
  /** Options of Node's own. */
  readonly nodeArgs?: readonly string[];
  /** False: do not wait for `master.ready`, e.g. because it must fail. */
  readonly untilReady?: boolean;
}

export interface Exit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Place {
  /** Where the files `stdout` and `stderr` are. */
  readonly dir: string;
  readonly mark: string;
  readonly pidfile: string | undefined;
}

/** The first process. What it and all its descendants print goes to files: a pipe to the test would tie their lives to its own. */
export function launch(
  {
    args = [],
    app = fixture('full.js'),
    cwd,
    env = {},
    command = holdfastCommand,
    node = process.execPath,
    nodeArgs = [],
    processOne = false,
    logFile,
    handed = [],
    under = [],
    daemon = false,
  }: HoldfastOptions,
  place: Place,
): ChildProcess {
  const bind = args.some((arg) => /^(-b|--bind)/.test(arg)) ? [] : ['-b', '127.0.0.1:0'];
  const pidfile = place.pidfile === undefined ? [] : ['-p', place.pidfile];
  const log = logFile === undefined ? [] : ['--log-file', logFile];
  const background = daemon ? ['-D', '--log-file', join(place.dir, 'stdout')] : [];
  // For workers that are somebody else.
  if (daemon) chmodSync(place.dir, 0o755);
  const directory = cwd ?? place.dir;
  const out = ['stdout', 'stderr'].map((name) => openSync(join(place.dir, name), 'a'));
  const typed = [node, ...nodeArgs, command, ...bind, ...pidfile, ...log, ...background, ...args, app];
  const [program, ...words] = [...under, ...(processOne ? asProcessOne : []), ...typed];
  const child = spawn(program ?? '', words, {
    cwd: directory,
    // On a developer's terminal it would otherwise be that terminal's foreground, and behave so.
    detached: true,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PWD: directory, ...env, [MARK]: place.mark },
    stdio: ['ignore', ...out, ...handed],
  });
  for (const fd of out) closeSync(fd);
  return child;
}

/** The end of a child, once it comes. */
export function endOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => child.once('exit', (status, signal) => resolve({ status, signal })));
}
