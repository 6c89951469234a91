import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { tempDir } from '../support/temp.js';
import { filesIn, named, pidfileModule, player } from './pidfile-player.js';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGTTIN', 'SIGTTOU'] as const;

function child(t: ExecutionContext, script: string) {
  const args = ['--input-type=module', '-e', script];
  const env = { ...process.env, PIDFILE_MODULE: pidfileModule };
  const started = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env });
  const exited = once(started, 'exit');
  t.teardown(async () => {
    started.kill('SIGKILL');
    await exited;
  });
  return { started, exited, said: async () => (await once(started, 'message'))[0] as unknown };
}

test('importing the module adds no listener and leaves process.emit as it is; that waits for the first use', async (t) => {
  const script = `
    const { emit } = process;
    const count = () => process.eventNames().filter((name) => String(name).startsWith('SIG')).length;
    const { preload } = await import(process.env.PIDFILE_MODULE);
    const [before, same] = [count(), process.emit === emit];
    await preload();
    process.send({ before, same, after: count() > 0 });
  `;
  t.deepEqual(await child(t, script).said(), { before: 0, same: true, after: true });
});

test("it is one file, without graceful-fs, which would keep a queue in everybody's fs", async (t) => {
  const script = `
    const { default: fs } = await import('node:fs');
    const { createRequire } = await import('node:module');
    const { preload } = await import(process.env.PIDFILE_MODULE);
    await preload();
    const files = Object.keys(createRequire(process.env.PIDFILE_MODULE).cache);
    process.send({ lockfile: files.filter((file) => /lock/.test(file)).length, queue: Symbol.for('graceful-fs.queue') in fs });
  `;
  t.deepEqual(await child(t, script).said(), { lockfile: 1, queue: false });
});

for (const when of ['before', 'after']) {
  test(`every signal still reaches our listeners, installed ${when} proper-lockfile is loaded, and ends nothing`, async (t) => {
    const script = `
      const { preload } = await import(process.env.PIDFILE_MODULE);
      const listen = () => { for (const name of ${JSON.stringify(SIGNALS)}) process.on(name, () => process.send(name)); };
      if (${when === 'before'}) listen();
      await preload();
      if (${when === 'after'}) listen();
      process.on('message', () => {});
      process.send('ready');
    `;
    const { started, said } = child(t, script);
    t.is(await said(), 'ready');
    for (let time = 0; time < 2; time += 1) {
      for (const name of SIGNALS) {
        const heard = said();
        started.kill(name);
        t.is(await heard, name);
      }
    }
    t.is(started.exitCode ?? started.signalCode, null);
  });
}

test('a signal that nobody listens to still ends the process after proper-lockfile is loaded', async (t) => {
  const script = `
    const { preload } = await import(process.env.PIDFILE_MODULE);
    await preload();
    process.send('ready');
    process.on('message', () => {});
  `;
  const { started, exited, said } = child(t, script);
  t.is(await said(), 'ready');
  started.kill('SIGTERM');
  t.deepEqual(await exited, [null, 'SIGTERM']);
});

/** A copy of the build that can be deleted, as a release is. */
function release(dir: string): { root: string; module: string } {
  const root = join(dir, 'release');
  const built = fileURLToPath(new URL('..', pidfileModule));
  for (const part of ['pidfile', 'start', 'sys', 'errors.js']) cpSync(join(built, part), join(root, 'dist', part), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  symlinkSync(fileURLToPath(import.meta.resolve('koffi')).replace(/\/koffi\/.*$/, ''), join(root, 'node_modules'));
  return { root, module: pathToFileURL(join(root, 'dist/pidfile/index.js')).href };
}

test('a master whose release was deleted rotates, and a preloaded one has the section too', async (t) => {
  const dir = tempDir(t);
  mkdirSync(join(dir, 'run'));
  const path = join(dir, 'run/shop.pid');
  const { root, module } = release(dir);
  const [old, fresh, unprepared] = [await player(t, [], module), await player(t, [], module), await player(t, [], module)];
  await old.do('preload');
  rmSync(root, { recursive: true });
  await old.do('claim', path);
  for (const candidate of [fresh, unprepared]) {
    await candidate.do('propose', path);
    await candidate.do('rotate');
    t.is(named(path), candidate.pid);
  }
  t.deepEqual(filesIn(join(dir, 'run')), ['shop.pid', 'shop.pid.oldbin']);
});
