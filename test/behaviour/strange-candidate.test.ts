// What a candidate may say that is no Holdfast, or one of a time to come: it is ended, and nothing has happened.
import test from 'ava';
import { ask } from '../support/ask.js';
import { descriptors } from '../support/descriptors.js';
import { startHoldfast } from '../support/holdfast.js';
import { Releases } from '../support/releases.js';
import { addStrange } from '../support/strange-release.js';

const NEWER = 'say({ ...hello, min: 90, max: 99 });';

for (const [what, code, reason] of [
  [
    'speaks no version of the protocol that this master speaks',
    NEWER,
    /^the candidate speaks versions 90 to 99 of the upgrade's messages, this release versions \d+ to \d+ /,
  ],
  [
    'sends what is no frame',
    `writeSync(channel, 'GET / HTTP/1.1\\r\\n\\r\\n');`,
    /^the candidate sent what is no message of this release$/,
  ],
  ['sends a frame that is no JSON', `writeSync(channel, frame('{'));`, /^the candidate sent what is no message of this release$/],
  ['sends a message that nobody knows', `say({ type: 'abdicate' });`, /^the candidate sent what is no message of this release$/],
  ['sends a message without what it must have', `say({ type: 'hello' });`, /^the candidate sent what is no message of this release$/],
  [
    'sends of a new socket no file',
    `say(hello); say({ type: 'bound', files: [null] }); say({ type: 'failed', status: 1, reason: 'so far' });`,
    /^the candidate sent what is no message of this release$/,
  ],
  ['says that it is what no process can be', 'say({ ...hello, pid: 2 ** 32 + 2 });', /^the candidate said that its pid is 4294967298$/],
  ['says that it is process 1', 'say({ ...hello, pid: 1 });', /^the candidate said that its pid is 1$/],
  ['says that it is ready before it has said hello', `say({ type: 'ready', kept: [] });`, /^the candidate said "ready" out of turn$/],
  ['says that it serves before it was committed', `say(hello); say({ type: 'serving' });`, /^the candidate said "serving" out of turn$/],
  ['wants the word of a retiree', `say(hello); say({ type: 'release' });`, /^the candidate said "release" out of turn$/],
  [
    'orders its incumbent to stop',
    `say(hello); say({ type: 'stop', quick: true }); say({ type: 'serving' });`,
    /^the candidate said "serving" out of turn$/,
  ],
  ['leaves without a word', 'process.exit(0);', /^the candidate died before it said hello$/],
  [
    'closes its channel, and stays',
    `say(hello); import('node:fs').then(({ closeSync }) => closeSync(channel));`,
    /^the candidate died before it was ready$/,
  ],
] as const)
  test(`a candidate that ${what} is rolled back`, async (t) => {
    const releases = new Releases(t);
    releases.bring(1, []);
    const options = {
      app: releases.app,
      cwd: releases.current,
      command: releases.start,
      args: ['-w', '2'],
      allowErrors: [/upgrade\.rollback/],
    };
    const holdfast = await startHoldfast(t, options);
    const seen = () => ({
      workers: holdfast.workers(),
      processes: holdfast.processes().length,
      fds: descriptors(holdfast.pid()).kinds,
      files: holdfast.strayFiles(),
    });
    const before = seen();
    releases.point(addStrange(releases, code));
    const verdict = await holdfast.upgrade();
    t.is(verdict.event, 'upgrade.rollback');
    t.regex(String(verdict.reason), reason);
    t.deepEqual(seen(), before);
    t.is((await ask(holdfast.target)).headers['x-release'], '1');
  });

test('a TERM that is passed to a successor which says that it serves and dies ends the master before it, too', async (t) => {
  const releases = new Releases(t);
  releases.bring(1, []);
  const holdfast = await startHoldfast(t, { app: releases.app, cwd: releases.current, command: releases.start, args: ['-w', '2'] });
  releases.point(
    addStrange(
      releases,
      `const { Socket } = await import('node:net');
       new Socket({ fd: channel, writable: false }).on('data', (data) => {
         if (!data.includes('SIGTERM')) return;
         say({ type: 'serving' });
         process.kill(process.pid, 'SIGKILL');
       });
       say(hello);
       say({ type: 'ready', kept: [0] });`,
    ),
  );
  holdfast.signal('SIGUSR2');
  await holdfast.event('upgrade.commit');
  holdfast.signal('SIGTERM');
  await holdfast.gone();
  t.deepEqual(holdfast.log.filter(({ event }) => event === 'upgrade.done').length, 1);
  t.deepEqual(holdfast.strayFiles(), []);
});
