/** Bare Node, once and several times, and node:cluster with the primary that its documentation suggests. */
import { fixture } from '../../support/paths.js';
import { commandLine } from '../../support/proc.js';
import type { Test } from '../../support/temp.js';
import { waitFor } from '../../support/wait.js';
import { benchApp } from '../paths.js';
import { answers, freePort, type Options, REPLACE_MS, type Running, type Subject, startChild } from './subject.js';

const node = { missing: async () => undefined, version: async () => process.version.slice(1), hasApp: true } as const;

export const bareNode: Subject = {
  ...node,
  name: 'bare node',
  start: async (t) => (await start(t, 'bare.mjs', {})).running,
};

/** What the machine has to give: as many bare servers as there are workers, with nothing around them. */
export const serversOnOneSocket = ceiling('one');
export const serversWithSockets = ceiling('each');

export const nodeCluster: Subject = {
  ...node,
  name: 'node:cluster',
  start: async (t, { workers, app }: Options) => {
    const { pid, running } = await start(t, 'cluster.mjs', { WORKERS: String(workers), APP: fixture(app) });
    let reloads = 0;
    const run = async () => {
      process.kill(pid, 'SIGHUP');
      reloads += 1;
      await waitFor(() => commandLine(pid) === `cluster ${reloads}`, REPLACE_MS, 'the new workers');
    };
    return { ...running, operations: [{ name: 'disconnect()', run }] };
  },
};

function ceiling(sockets: 'one' | 'each'): Subject {
  return {
    ...node,
    name: 'bare node',
    start: async (t, { workers }) => (await start(t, 'ceiling.mjs', { WORKERS: String(workers), SOCKETS: sockets })).running,
  };
}

async function start(t: Test, script: string, env: NodeJS.ProcessEnv): Promise<{ readonly pid: number; readonly running: Running }> {
  const target = { host: '127.0.0.1', port: await freePort() };
  const child = startChild(t, process.execPath, [benchApp(script)], { ...env, PORT: String(target.port) });
  await answers(target);
  return { pid: child.pid ?? 0, running: { target, session: child.pid ?? 0, operations: [] } };
}
