// Runs a command on a pseudo-terminal, by script(1) of util-linux, as its session's foreground.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Exit } from './launch.js';
import { killMarked, MARK, type MarkedProcess, processesMarked } from './marked.js';
import type { Test } from './temp.js';
import { waitFor } from './wait.js';

export interface Terminal {
  /** What was shown so far, carriage returns and escape sequences included. */
  readonly output: string;
  /** As typed on the keyboard: '\x03' is ^C, '\x1a' ^Z, '\x1c' ^\. */
  type(keys: string): void;
  /** Waits until the output shows this. Milliseconds, 20 s if not given. */
  shows(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** The command's end; a death by signal N shows as status 128 + N. */
  readonly exit: Promise<Exit>;
  /** Everything that runs on it or was started from it, script(1) included. */
  processes(): MarkedProcess[];
}

/** The teardown ends everything that was started on it. `env` goes on top of a bare environment. */
export function openTerminal(t: Test, command: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}): Terminal {
  const line = `exec ${command.map(quote).join(' ')}`;
  const mark = randomUUID();
  const script = spawn('script', ['-q', '-e', '-c', line, '/dev/null'], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TERM: 'xterm', SHELL: '/bin/sh', ...options.env, [MARK]: mark },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let output = '';
  script.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  // ^C typed just after the command's own end would be an EPIPE here.
  script.stdin.on('error', () => {});
  const exit = once(script, 'exit').then(([status, signal]): Exit => ({ status, signal }));
  t.teardown(async () => {
    // By the mark: a hang-up of the terminal would be a reload to a master.
    killMarked(mark);
    await exit;
  });
  const shows = (pattern: RegExp, timeoutMs = 20_000) =>
    waitFor(
      () => pattern.exec(output),
      timeoutMs,
      () => `${pattern} on the terminal, which shows:\n${output}`,
    );
  return {
    get output() {
      return output;
    },
    type: (keys) => void script.stdin.write(keys),
    shows,
    exit,
    processes: () => processesMarked(mark),
  };
}

/** As sh(1) wants it. */
function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
