// -m: what the master, the workers and the next generation make has it off.
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { ask } from '../support/ask.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

/** Its umask, and the mode of a file that it has made. */
const code = `
  import { rmSync, statSync, writeFileSync } from 'node:fs';
  const file = new URL('./made', import.meta.url);
  export default (req, res) => {
    rmSync(file, { force: true });
    writeFileSync(file, '', { mode: 0o666 });
    res.end(process.umask().toString(8) + ' ' + (statSync(file).mode & 0o777).toString(8));
  };`;

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

async function start(t: Parameters<typeof startHoldfast>[0], args: readonly string[]): Promise<{ holdfast: Holdfast; dir: string }> {
  const dir = tempDir(t);
  writeFileSync(join(dir, 'app.mjs'), code);
  const binds = ['-b', '127.0.0.1:0', '-b', `unix:${join(dir, 'sock')}`, '-b', `unix:${join(dir, 'open')}?mode=0666`];
  const holdfast = await startHoldfast(t, { app: './app.mjs', cwd: dir, args: [...binds, ...args] });
  return { holdfast, dir };
}

test('-m is for what workers make, for sockets and for the log, and it survives upgrades; the pidfile can be read all the same', async (t) => {
  const { holdfast, dir } = await start(t, ['-m', '0027']);
  t.is((await ask(holdfast.target)).body, '27 640');
  t.is(mode(join(dir, 'sock')), '750');
  t.is(mode(join(dir, 'open')), '666', 'a mode that was asked for stands');
  t.is(mode(holdfast.pidfile ?? ''), '644');
  for (const generation of [2, 3]) {
    t.is((await holdfast.upgrade()).event, 'upgrade.done');
    await waitFor(() => holdfast.processes().length === 2, 20_000, `generation ${generation} alone`);
    t.is((await ask(holdfast.target)).body, '27 640');
    t.is(mode(join(dir, 'sock')), '750');
    t.is(mode(holdfast.pidfile ?? ''), '644');
  }
});

test('without -m the umask is that of the shell', async (t) => {
  const before = process.umask(0o77);
  t.teardown(() => process.umask(before));
  const { holdfast, dir } = await start(t, []);
  t.is((await ask(holdfast.target)).body, '77 600');
  t.is(mode(join(dir, 'sock')), '700');
});
