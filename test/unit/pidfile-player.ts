// A process of its own that plays a master: it holds a Pidfile, does with it what it is told, and can be killed with -9.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { hasLetGo, isAlive } from '../support/proc.js';
import type { Test } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

export const pidfileModule = import.meta.resolve('#src/pidfile/index.js');

const script = `
const { Pidfile, liveMaster, preload } = await import(process.env.PIDFILE_MODULE);
let file;
const acts = {
  async claim(path) { file = await Pidfile.claim(path); },
  async propose(path) { file = await Pidfile.propose(path); },
  preload,
  ping() {},
  become(uid) { process.setuid(uid); },
  async enterSection(path) { await (await import('proper-lockfile')).lock(path, { realpath: false, stale: 2000 }); },
  probe(path) { liveMaster(path); setImmediate(acts.probe, path); },
};
process.on('message', async ([act, ...args]) => {
  try {
    const value = await (act in acts ? acts[act](...args) : file[act](...args));
    process.send({ act, value });
  } catch (error) {
    process.send({ act, error: error.message, name: error.name, status: error.exitStatus });
  }
});
process.on('disconnect', () => process.exit());
process.send({ act: 'hello', value: process.pid });
`;

export interface Answer {
  readonly act: string;
  readonly value?: unknown;
  readonly error?: string;
  readonly name?: string;
  readonly status?: number;
}

export interface Player {
  readonly pid: number;
  /** What came of it, a refusal too. */
  ask(act: string, ...args: unknown[]): Promise<Answer>;
  /** As `ask`; a refusal is thrown. */
  do(act: string, ...args: unknown[]): Promise<unknown>;
  /** SIGKILL, and waits until it is dead (or a zombie). */
  kill(): Promise<void>;
}

/** `before` is a command that executes the rest of its arguments; `module` the URL of another build. */
export async function player(t: Test, before: readonly string[] = [], module = pidfileModule): Promise<Player> {
  const [file, ...args] = [...before, process.execPath, '--input-type=module', '-e', script];
  const child = spawn(file ?? '', args, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, PIDFILE_MODULE: module },
  });
  const exited = once(child, 'exit');
  let pid = child.pid ?? 0;
  t.teardown(async () => {
    if (pid !== child.pid && isAlive(pid)) process.kill(pid, 'SIGKILL');
    child.kill('SIGKILL');
    await exited;
  });
  const answered = (act: string) =>
    new Promise<Answer>((resolve, reject) => {
      const hear = (answer: Answer) => {
        if (answer.act !== act) return;
        child.off('message', hear);
        resolve(answer);
      };
      child.on('message', hear);
      void exited.then(() => reject(new Error(`the player has ended before it could ${act}`)));
    });
  pid = Number((await answered('hello')).value);
  const ask = (act: string, ...rest: unknown[]) => {
    const answer = answered(act);
    child.send([act, ...rest]);
    return answer;
  };
  return {
    pid,
    ask,
    async do(act, ...rest) {
      const answer = await ask(act, ...rest);
      if (answer.error !== undefined) throw new Error(answer.error);
      return answer.value;
    },
    async kill() {
      process.kill(pid, 'SIGKILL');
      if (pid === child.pid) await exited;
      else await waitFor(() => hasLetGo(pid), 20_000, `process ${pid} to die`);
    },
  };
}

export function named(path: string): number {
  return Number(readFileSync(path, 'utf8'));
}

/** Every file in the directory, sorted. */
export function filesIn(dir: string): string[] {
  return readdirSync(dir).sort();
}
