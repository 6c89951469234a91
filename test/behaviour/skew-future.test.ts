// Releases that are not written yet: those that kept to format 1 and version 1 are understood whatever they add, the others are refused without a trace.
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ask } from '../support/ask.js';
import { descriptors } from '../support/descriptors.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { fixture } from '../support/paths.js';
import { TwoReleases } from '../support/previous-release.js';
import { type Candidate, handover, type Message, startCandidate } from '../support/protocol-1.js';
import { waitFor } from '../support/wait.js';

const news = { colours: ['red', { deep: true }], motto: null };

/** A candidate that refused leaves nothing but its line. */
async function assertRefusal(t: ExecutionContext, candidate: Candidate, line: RegExp): Promise<void> {
  await waitFor(() => candidate.processes().length === 0, 20_000, 'the candidate to give up');
  t.deepEqual(await candidate.exit, { status: 1, signal: null });
  t.regex(candidate.stderr, line);
  t.deepEqual(readdirSync(candidate.dir).sort(), ['pid', 'stdout', 'words']);
  t.is(readFileSync(candidate.pidfile, 'utf8'), `${process.pid}\n`);
}

test('an incumbent of format 1 that says more than we know hands over, and its death is noticed', async (t) => {
  const candidate = startCandidate(t);
  candidate.send({ ...handover, max: 7, ...news });
  const hello = await candidate.says('hello');
  t.like(hello, { min: 1 });
  t.true(
    typeof hello.max === 'number' && typeof hello.pid === 'number' && typeof hello.holdfast === 'string' && typeof hello.node === 'string',
  );
  t.deepEqual((await candidate.says('bound')).files, []);
  t.deepEqual((await candidate.says('ready')).kept, []);
  t.deepEqual(
    candidate.heard.map(({ type }) => type),
    ['hello', 'bound', 'ready'],
  );
  t.is(readFileSync(`${candidate.pidfile}.2`, 'utf8'), `${hello.pid}\n`);
  candidate.send({ type: 'commit', ...news });
  await candidate.says('serving');
  const { address } = readFileSync(join(candidate.dir, 'stdout'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { event?: string; address?: string })
    .find(({ event }) => event === 'listener.bound') as { address: string };
  const target = { host: '127.0.0.1', port: Number(address.split(':')[1]) };
  t.is((await ask(target)).status, 200);
  candidate.hangUp();
  await waitFor(() => !readdirSync(candidate.dir).includes('pid.oldbin'), 20_000, 'no .oldbin of a dead retiree');
  process.kill(Number(hello.pid), 'SIGTERM');
  t.deepEqual(await candidate.exit, { status: 0, signal: null });
});

test('an incumbent that hands over in another format is refused before anything is touched', async (t) => {
  const candidate = startCandidate(t, '9');
  const line = /^holdfast: cannot take over: the master before hands over in format 9, this release knows format 1 \(upgrade .* both\)\n$/;
  await assertRefusal(t, candidate, line);
  t.deepEqual(candidate.heard, []);
});

test('an incumbent that speaks only later versions is refused, and hears which are spoken here', async (t) => {
  const candidate = startCandidate(t);
  candidate.send({ ...handover, min: 8, max: 9, ...news });
  t.like(await candidate.says('hello'), { min: 1 });
  const line = /^holdfast: cannot take over: the incumbent speaks versions 8 to 9 of the upgrade's messages, this release .* \(.*\)\n$/;
  await assertRefusal(t, candidate, line);
  t.is(candidate.heard.length, 1);
});

test('an incumbent whose words are unknown is not succeeded: it is not dead', async (t) => {
  const candidate = startCandidate(t);
  candidate.send(handover);
  await candidate.says('ready');
  candidate.send({ type: 'sing', ...news });
  await assertRefusal(t, candidate, /^$/);
  t.regex(readFileSync(join(candidate.dir, 'stdout'), 'utf8'), /gives up: the incumbent sent what is no message of this release/);
});

/** A master of this release, upgraded to a candidate that says just this. */
async function upgradeTo(t: ExecutionContext, says: readonly Message[]): Promise<{ readonly holdfast: Holdfast; readonly reason: string }> {
  const both = new TwoReleases(t, 'this');
  const holdfast = await startHoldfast(t, { command: both.command, args: ['-w', '2'], allowErrors: [/upgrade\.rollback/] });
  const held = () => [holdfast.pid(), holdfast.workers(), descriptors(holdfast.pid()).count, readdirSync(holdfast.dir).sort()];
  const before = held();
  const stranger = join(both.root, 'stranger');
  mkdirSync(join(stranger, 'bin'), { recursive: true });
  symlinkSync(fixture('foreign-candidate.mjs'), join(stranger, 'bin/holdfast.js'));
  writeFileSync(join(stranger, 'bin/says.json'), JSON.stringify(says));
  both.pointAt(stranger);
  const { event, reason } = await holdfast.upgrade();
  t.is(event, 'upgrade.rollback');
  t.deepEqual(held(), before);
  t.is(holdfast.processes().length, 3, 'nothing of the stranger is left');
  both.point('this');
  t.is((await holdfast.upgrade()).event, 'upgrade.done', 'and the way is free');
  return { holdfast, reason: String(reason) };
}

const hello: Message = { type: 'hello', min: 1, max: 1, pid: 'PID', holdfast: '9.0.0', node: 'v30.0.0' };

test('a candidate that speaks only later versions is rolled back, and the line says what to do', async (t) => {
  const { reason } = await upgradeTo(t, [{ ...hello, min: 8, max: 9, ...news }]);
  t.regex(
    reason,
    /^the candidate speaks versions 8 to 9 of the upgrade's messages, this release .* \(upgrade through a release that knows both\)$/,
  );
});

test('a candidate that says more than we know is understood', async (t) => {
  const failed = { type: 'failed', status: 1, reason: 'that far it came', ...news };
  const { reason } = await upgradeTo(t, [{ ...hello, max: 7, ...news }, { type: 'bound', files: [], ...news }, failed]);
  t.is(reason, 'that far it came');
});

test('a candidate whose words are unknown is rolled back', async (t) => {
  const { reason } = await upgradeTo(t, [hello, { type: 'sing', ...news }]);
  t.is(reason, 'the candidate sent what is no message of this release');
});
