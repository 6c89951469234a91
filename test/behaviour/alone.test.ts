// Each public module alone, in a script of another package, with its types: those of the documentation, as they stand there.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { accounts, rootTest } from '../support/accounts.js';
import { ask } from '../support/ask.js';
import { type ForeignPackage, foreignPackage } from '../support/foreign-package.js';
import { killMarked, MARK, type MarkedProcess, processesMarked } from '../support/marked.js';
import { stat } from '../support/proc.js';
import { standing } from '../support/status.js';
import { tempDir } from '../support/temp.js';

/** The TypeScript of a page. */
function example(page: string): string {
  const code = /```ts\n(.*?)```/s.exec(readFileSync(new URL(`../../docs/${page}.md`, import.meta.url), 'utf8'))?.[1];
  if (code === undefined) throw new Error(`no example in ${page}`);
  return code;
}

let scripts: ForeignPackage;

test.before(async () => {
  scripts = await foreignPackage({
    daemon: example('daemon'),
    privileges: example('privileges'),
    holds: example('pidfile'),
    serves: example('listeners'),
    fails: `import { daemonise, type Here } from 'holdfast/daemon';
     const here: Here = await daemonise({ keep: [], signal: AbortSignal.timeout(60_000) });
     // @ts-expect-error A launcher has nothing to be ready for.
     void here.ready;
     if (here.is === 'launcher') process.exit(here.exitStatus);
     here.failed(7, 'on purpose');
     setTimeout(() => process.exit(7), 500);`,
    unknown: `import { checkDrop, type Identity, resolveIdentity } from 'holdfast/privileges';
     try {
       const identity: Identity | undefined = resolveIdentity({ user: 'no-such-user', group: 'root', initgroups: false });
       if (identity !== undefined) checkDrop(identity);
     } catch (error) {
       console.log((error as Error).message);
     }`,
    pidfile: `import { liveMaster, Pidfile } from 'holdfast/pidfile';
     const path: string = process.argv[2] ?? '';
     const pidfile: Pidfile = await Pidfile.claim(path);
     const living: number | undefined = liveMaster(path);
     await pidfile.release();
     console.log(living === process.pid, liveMaster(path));`,
    listeners: `import { bindAll, closeListener, type Listener, listen, parseBind, resolveBinds } from 'holdfast/listeners';
     const addresses = await resolveBinds([parseBind('127.0.0.1:0')], process.cwd());
     const { listeners } = await bindAll(addresses);
     const [listener] = listeners as [Listener];
     listen(listener, 16);
     console.log(/^127\\.0\\.0\\.1:\\d+$/.test(listener.bound));
     closeListener(listener);`,
  });
});

test.after.always(() => scripts.remove());

interface Run {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
  /** When the script's own process had ended. */
  readonly left: readonly MarkedProcess[];
}

/** Runs it to its end. What it leaves behind ends with the test. */
async function run(t: ExecutionContext, script: string, ...args: readonly string[]): Promise<Run> {
  const mark = script;
  t.teardown(() => killMarked(mark));
  const child = spawn(process.execPath, [script, ...args], {
    env: { PATH: process.env.PATH, [MARK]: mark },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = once(child, 'exit').then(([status]) => ({ status: status as number | null, left: processesMarked(mark) }));
  const [out, err, { status, left }] = await Promise.all([text(child.stdout), text(child.stderr), end]);
  return { status, out, err, left };
}

async function freePort(): Promise<{ readonly port: number; release(): Promise<void> }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    port,
    release: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

test('holdfast/daemon: the script returns when it serves, and with the reason when it does not', async (t) => {
  const script = scripts.script('daemon');
  const { port, release } = await freePort();
  const busy = await run(t, script, String(port));
  t.deepEqual(busy, { status: 1, out: '', err: `listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`, left: [] });
  await release();
  const good = await run(t, script, String(port));
  t.like(good, { status: 0, out: '', err: '' });
  const [daemon] = good.left;
  t.is((await ask({ host: '127.0.0.1', port })).body, `hello from ${daemon?.pid}\n`);
  t.not(stat(daemon?.pid ?? 0)?.session, daemon?.pid);
});

test('holdfast/daemon: a failure is over when the daemon has ended', async (t) => {
  const script = scripts.script('fails');
  const failed = await run(t, script);
  t.deepEqual(failed, { status: 7, out: '', err: '', left: [] });
});

rootTest('holdfast/privileges: a script drops for good', async (t) => {
  const script = scripts.script('privileges');
  const { port, release } = await freePort();
  await release();
  const [program = '', ...words] = [...accounts(t), process.execPath, script, 'shop', String(port)];
  const child = spawn(program, words, { env: { PATH: process.env.PATH, HOME: '/root' }, stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  t.is((await ask({ host: '127.0.0.1', port })).body, '4001 /home/shop\n');
  t.like(standing(child.pid ?? 0), { Uid: '4001 4001 4001 4001', Groups: '4001 4100', CapEff: '0000000000000000' });
});

rootTest('holdfast/privileges: an unknown user is one line, and nothing was opened', async (t) => {
  const script = scripts.script('unknown');
  t.like(await run(t, script), { status: 0, out: 'cannot drop to user "no-such-user": there is no such user\n', err: '' });
});

test('holdfast/pidfile: a script holds one', async (t) => {
  const path = join(tempDir(t), 'pid');
  const script = scripts.script('pidfile');
  t.like(await run(t, script, path), { status: 0, out: 'true undefined\n', err: '' });
});

test('holdfast/listeners: a script binds one, and listens', async (t) => {
  const script = scripts.script('listeners');
  t.like(await run(t, script), { status: 0, out: 'true\n', err: '' });
});

/** Starts it; resolves with its first line. TERM to it, and how it ended then, by `stop`. */
async function begin(t: ExecutionContext, script: string, ...args: readonly string[]) {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  const stop = async () => {
    child.kill();
    return (await ended)[0] as number | null;
  };
  return { pid: child.pid, line: line.trim(), stop };
}

test('holdfast/pidfile: the script of the documentation holds its file, and a second one is refused', async (t) => {
  const path = join(tempDir(t), 'pid');
  const script = scripts.script('holds');
  const { pid, line, stop } = await begin(t, script, path);
  t.is(line, `${path} names ${pid}`);
  const second = await run(t, script, path);
  t.is(second.status, 1);
  t.true(second.err.includes(`${path} names a running master (pid ${pid})`), second.err);
  t.is(await stop(), 0);
  t.false(existsSync(path));
});

test('holdfast/listeners: the script of the documentation serves, and takes its file along', async (t) => {
  const path = join(tempDir(t), 'sock');
  const script = scripts.script('serves');
  const tcp = await begin(t, script);
  const [, host = '', port] = /^(.+):(\d+)$/.exec(tcp.line) ?? [];
  t.is((await ask({ host, port: Number(port) })).body, `hello from ${tcp.line}\n`);
  t.is(await tcp.stop(), 0);
  const unix = await begin(t, script, `unix:${path}`);
  t.is((await ask({ socketPath: path })).body, `hello from unix:${path}\n`);
  t.is(await unix.stop(), 0);
  t.false(existsSync(path));
});
