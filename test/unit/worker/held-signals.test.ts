import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** Runs a worker's beginning with `app` in place of an app; sends the signals, each when the line before it has been answered. */
async function run(t: ExecutionContext, app: string, signals: readonly NodeJS.Signals[] = []): Promise<Ended> {
  const script = `
    import { holdSignals } from '#src/worker/held-signals.js';
    const held = holdSignals();
    const say = (line) => console.log(line);
    const alive = setInterval(() => {}, 1000);
    ${app};
    say('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const waiting = [...signals];
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    const next = waiting.shift();
    if (next !== undefined) child.kill(next);
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, output };
}

const HEAR = "held.onStop((signal) => { say('held ' + signal); if (signal === 'SIGQUIT') process.exit(9) })";

test('an app that listens to TERM, INT and QUIT hears nothing of them, and we do', async (t) => {
  const app = `${HEAR}; for (const s of ['SIGTERM', 'SIGINT', 'SIGQUIT']) process.on(s, () => say('app ' + s))`;
  const { code, output } = await run(t, app, ['SIGTERM', 'SIGINT', 'SIGQUIT']);
  t.is(output, 'ready\nheld SIGTERM\nheld SIGINT\nheld SIGQUIT\n');
  t.is(code, 9);
});

test('a signal that comes before anybody asked is not lost', async (t) => {
  const app = `process.kill(process.pid, 'SIGTERM'); await new Promise((r) => setTimeout(r, 100)); say('asked'); ${HEAR}`;
  t.is((await run(t, app, ['SIGQUIT'])).output, 'asked\nheld SIGTERM\nready\nheld SIGQUIT\n');
});

test('signals for masters are ignored, the app does not hear them either, and no inspector starts', async (t) => {
  const ignored = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGTTIN', 'SIGTTOU'];
  const app = `${HEAR};
    const { url } = await import('node:inspector');
    const names = ${JSON.stringify(ignored)};
    for (const s of names) { process.on(s, () => say('app ' + s)); process.kill(process.pid, s); }
    await new Promise((r) => setTimeout(r, 200));
    say('inspector ' + url())`;
  t.is((await run(t, app, ['SIGQUIT'])).output, 'inspector undefined\nready\nheld SIGQUIT\n');
});

test('an app that removes all listeners of a signal does not make it deadly', async (t) => {
  const app = `${HEAR}; process.removeAllListeners('SIGTERM'); process.removeAllListeners('SIGUSR1'); process.kill(process.pid, 'SIGUSR1')`;
  t.is((await run(t, app, ['SIGTERM', 'SIGQUIT'])).output, 'ready\nheld SIGTERM\nheld SIGQUIT\n');
});

test('signal-exit, which patches process.emit, changes nothing', async (t) => {
  const app = `${HEAR}; const { onExit } = (await import('node:module')).createRequire(process.cwd() + '/x')('signal-exit') ?? {}; await import('proper-lockfile')`;
  t.is((await run(t, app, ['SIGTERM', 'SIGQUIT'])).output, 'ready\nheld SIGTERM\nheld SIGQUIT\n');
});

test('a release calls the listeners of the first signal that the app listens to, once, and waits for what they do', async (t) => {
  const app = `
    process.once('SIGINT', async (...args) => { say('int ' + args); await new Promise((r) => setTimeout(r, 50)); say('finished'); });
    process.on('SIGINT', () => { setTimeout(() => say('by callback'), 100); });
    process.on('SIGQUIT', () => say('never'));
    clearInterval(alive);
    held.release(5000).then(() => { say('released'); process.exit(5); })`;
  const { code, output } = await run(t, app);
  t.is(output, 'int SIGINT,2\nready\nfinished\nby callback\nreleased\n');
  t.is(code, 5);
});

test('a release is over at once without listeners, at its limit at the latest, and may end the process', async (t) => {
  t.is((await run(t, 'await held.release(60000); process.exitCode = 3; clearInterval(alive)')).code, 3);
  const hanging = "process.on('SIGTERM', () => new Promise(() => {})); held.release(100).then(() => process.exit(4))";
  t.is((await run(t, hanging)).code, 4);
  t.is((await run(t, "process.on('SIGTERM', () => process.exit(6)); held.release(100)")).code, 6);
});

test('what a listener throws rejects the release, after the others have run', async (t) => {
  const app = `
    process.on('SIGTERM', () => { throw new Error('no') });
    process.on('SIGTERM', () => say('second'));
    held.release(1000).catch((error) => { say(error.message); process.exit(0); })`;
  t.is((await run(t, app)).output, 'second\nready\nno\n');
});
