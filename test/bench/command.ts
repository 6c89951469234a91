/** Other programs: is it there, which one is it, what did it say. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** As a shell would find it; undefined when it is not installed. */
export function which(command: string): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  return directories.map((directory) => join(directory, command)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What it prints, both streams; rejects when it fails, or takes longer than `limitMs` milliseconds. */
export async function output(command: string, args: readonly string[], env = bareEnvironment(), limitMs = 120_000): Promise<string> {
  const { stdout, stderr } = await run(command, args, { env, timeout: limitMs, killSignal: 'SIGKILL' });
  return stdout + stderr;
}

/** The first thing in its output that looks like a version. */
export async function versionOf(command: string, flag = '--version'): Promise<string> {
  return /\d+(\.\d+)+/.exec(await output(command, [flag]).catch(String))?.[0] ?? 'unknown';
}

/** Nothing that changes how Node starts: NODE_EXTRA_CA_CERTS alone doubles the time that it takes. */
export function bareEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: process.env.HOME };
}
