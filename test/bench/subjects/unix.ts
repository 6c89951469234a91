/** gunicorn, unicorn and nginx from Debian, each with the upgrade that its documentation describes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Target } from '../../support/holdfast.js';
import { children, isAlive, sessionOf } from '../../support/proc.js';
import { type Test, tempDir } from '../../support/temp.js';
import { waitFor } from '../../support/wait.js';
import { versionOf, which } from '../command.js';
import { benchApp } from '../paths.js';
import { answers, freePort, type Operation, REPLACE_MS, type Running, replacingChildren, type Subject, startChild } from './subject.js';

interface Peer {
  readonly name: string;
  readonly debian: string;
  readonly versionFlag: string;
  readonly hasApp: boolean;
  /** Its arguments; whatever it needs may be written into `dir`. */
  readonly args: (dir: string, port: number, workers: number) => readonly string[];
  /** By the pidfile `dir`/pid. */
  readonly operations: (pidfile: string, workers: number) => readonly Operation[];
}

export const gunicorn = subject({
  name: 'gunicorn',
  debian: 'gunicorn',
  versionFlag: '--version',
  hasApp: true,
  args: (dir, port, workers) => {
    // As a daemon, or WINCH is ignored.
    const threads = ['-D', '-k', 'gthread', '--threads', '32', '--keep-alive', '5'];
    return [
      '-w',
      String(workers),
      ...threads,
      '-b',
      `127.0.0.1:${port}`,
      '-p',
      join(dir, 'pid'),
      '--chdir',
      dirname(benchApp('app.py')),
      'app',
    ];
  },
  operations: (pidfile, workers) => [hup(pidfile), upgrade(pidfile, workers, 'WINCH')],
});

export const unicorn = subject({
  name: 'unicorn',
  debian: 'unicorn',
  versionFlag: '--version',
  hasApp: true,
  args: (dir, port, workers) => {
    writeFileSync(
      join(dir, 'conf.rb'),
      `worker_processes ${workers}\npid "${join(dir, 'pid')}"\nlisten "127.0.0.1:${port}", backlog: 2048\n`,
    );
    return ['-c', join(dir, 'conf.rb'), benchApp('config.ru')];
  },
  operations: (pidfile, workers) => [hup(pidfile), upgrade(pidfile, workers)],
});

export const nginx = subject({
  name: 'nginx',
  debian: 'nginx-light',
  versionFlag: '-v',
  hasApp: false,
  args: (dir, port) => {
    const template = readFileSync(benchApp('nginx.conf'), 'utf8');
    writeFileSync(join(dir, 'conf'), template.replace('PIDFILE', join(dir, 'pid')).replace('PORT', String(port)));
    return ['-p', dir, '-c', join(dir, 'conf')];
  },
  operations: (pidfile, workers) => [hup(pidfile), upgrade(pidfile, workers)],
});

function subject(peer: Peer): Subject {
  const { name, debian, hasApp } = peer;
  return {
    name,
    hasApp,
    missing: async () => (which(name) === undefined ? `${name} is not installed (apt-get install ${debian})` : undefined),
    version: () => versionOf(which(name) ?? name, peer.versionFlag),
    start: (t, { workers }) => start(t, peer, workers),
  };
}

async function start(t: Test, peer: Peer, workers: number): Promise<Running> {
  const dir = tempDir(t);
  const pidfile = join(dir, 'pid');
  const target: Target = { host: '127.0.0.1', port: await freePort() };
  startChild(t, which(peer.name) ?? peer.name, peer.args(dir, target.port, workers), { PYTHONDONTWRITEBYTECODE: '1' });
  // After an upgrade the master is nobody's child.
  t.teardown(() => end(pidfile));
  await answers(target);
  return { target, session: sessionOf(pidIn(pidfile) ?? 0), operations: peer.operations(pidfile, workers) };
}

async function end(pidfile: string): Promise<void> {
  const pid = pidIn(pidfile);
  if (pid === undefined) return;
  process.kill(pid, 'SIGTERM');
  await waitFor(() => !isAlive(pid), 30_000, `the end of ${pid}`);
}

function hup(pidfile: string): Operation {
  const run = async () => {
    const pid = await waitFor(() => pidIn(pidfile), REPLACE_MS, `a pid in ${pidfile}`);
    await replacingChildren(pid, () => process.kill(pid, 'SIGHUP'));
  };
  return { name: 'HUP', run };
}

/** USR2; when the new workers are there, the old ones are sent away where that is a step of its own, then the old master. */
function upgrade(pidfile: string, workers: number, before?: 'WINCH'): Operation {
  const run = async () => {
    const old = await waitFor(() => pidIn(pidfile), REPLACE_MS, `a pid in ${pidfile}`);
    const oldWorkers = children(old);
    process.kill(old, 'SIGUSR2');
    const next = await waitFor(() => newMaster(pidfile, old), REPLACE_MS, 'the new master');
    await waitFor(() => children(next).length >= workers, REPLACE_MS, 'the new workers');
    if (before !== undefined) {
      process.kill(old, 'SIGWINCH');
      await waitFor(() => oldWorkers.every((pid) => !isAlive(pid)), REPLACE_MS, 'the end of the old workers');
    }
    process.kill(old, 'SIGQUIT');
    await waitFor(() => !isAlive(old) && pidIn(pidfile) === next, REPLACE_MS, 'the end of the old master');
  };
  return { name: ['USR2', before, 'QUIT'].filter(Boolean).join(' + '), run };
}

/** gunicorn names it in PIDFILE.2, the others in PIDFILE. */
function newMaster(pidfile: string, old: number): number | undefined {
  return [`${pidfile}.2`, pidfile].map(pidIn).find((pid) => pid !== undefined && pid !== old && isAlive(pid));
}

function pidIn(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}
