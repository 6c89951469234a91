// Processes of their own that hold, or serve on, the sockets of a test.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type NetConnectOpts } from 'node:net';
import { closeListener, type Listener, removeSocketFile } from '#src/listeners/index.js';
import type { Test } from '../support/temp.js';

const listenersModule = import.meta.resolve('#src/listeners/index.js');

export interface Player {
  readonly pid: number;
  /** What it says next. Throws when it ends instead. */
  says(): Promise<string>;
  readonly child: ChildProcess;
}

/** Runs a module whose `listeners` is the room under test and `say` sends a line; its descriptors from 3 on are these. */
export function play(t: Test, script: string, fds: readonly number[] = []): Player {
  const prelude = `const listeners = await import(${JSON.stringify(listenersModule)}); const say = (text) => process.send(String(text)); process.on('disconnect', () => process.exit());`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', prelude + script], {
    stdio: ['ignore', 'inherit', 'inherit', ...fds, 'ipc'],
  });
  const ended = new Promise<never>((_, reject) =>
    child.once('exit', (code, signal) => reject(new Error(`the player ended: ${signal ?? code}`))),
  );
  ended.catch(() => undefined);
  t.teardown(async () => {
    const gone = child.exitCode !== null || child.signalCode !== null ? undefined : once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  });
  return { pid: child.pid ?? 0, child, says: async () => String((await Promise.race([once(child, 'message'), ended]))[0]) };
}

/** Serves "from PID" on descriptor 3 as a worker would. */
export const SERVE = `
import { createServer } from 'node:net';
createServer((socket) => socket.end('from ' + process.pid)).listen({ fd: 3 }, () => say('serving'));
`;

/** What a server sends before it hangs up, or the error's code. */
export function ask(target: NetConnectOpts): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(target);
    socket.setEncoding('utf8').on('data', (data) => {
      text += String(data);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('end', () => resolve(text));
  });
}

/** Closed, its file removed, when the test ends, unless the test has done it. */
export function owned(t: Test, listener: Listener): Listener {
  t.teardown(() => {
    removeSocketFile(listener);
    try {
      closeListener(listener);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBADF') throw error;
    }
  });
  return listener;
}

export function portOf(listener: Listener): number {
  return Number(/:(\d+)$/.exec(listener.bound)?.[1]);
}
