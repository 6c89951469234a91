// Many workers: each start of one blocks the master for as long as the machine takes to execute a program.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { startHoldfast } from '../support/holdfast.js';
import { fixture } from '../support/paths.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

test('a start and a reload of six workers start two at a time, and the master hears the world in between', async (t) => {
  const spawns = join(tempDir(t), 'spawns');
  const holdfast = await startHoldfast(t, {
    app: fixture('hello.js'),
    args: ['-w', '6'],
    nodeArgs: ['--import', fixture('spawns.mjs')],
    env: { SPAWNS: spawns },
  });
  t.is((await holdfast.reload()).event, 'reload.done');
  await waitFor(() => holdfast.workers().length === 6, 20_000, 'the end of the old workers');
  holdfast.signal('SIGTTOU');
  await waitFor(() => holdfast.workers().length === 5, 20_000, 'one less');
  await holdfast.stop();
  t.deepEqual(JSON.parse(readFileSync(spawns, 'utf8')), { most: 2, all: 12 });
});
