// -u, -g, --initgroups: who the workers are, and that nothing of root is left in them.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, closeSync, constants, copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { openAs } from '#src/privileges/index.js';
import { accounts, ids, type Name, rootTest } from '../support/accounts.js';
import { ask } from '../support/ask.js';
import { type Holdfast, type HoldfastOptions, startHoldfast } from '../support/holdfast.js';
import { fixture } from '../support/paths.js';
import { standing, standings } from '../support/status.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait.js';

const NONE = '0000000000000000';
const docs = readFileSync(new URL('../../docs/privileges.md', import.meta.url), 'utf8');

/** A directory that everybody may enter, with the app that says who it is. */
function appDir(t: ExecutionContext): string {
  const dir = tempDir(t);
  chmodSync(dir, 0o755);
  copyFileSync(fixture('identity.mjs'), join(dir, 'identity.mjs'));
  return dir;
}

interface Identity {
  readonly user: readonly number[];
  readonly group: readonly number[];
  readonly groups: readonly number[];
  readonly umask: number;
  readonly env: Readonly<Record<string, string>>;
  readonly back: Readonly<Record<string, string>>;
}

const whoAnswers = async (holdfast: Holdfast) =>
  JSON.parse((await ask(holdfast.target)).body) as { readonly loaded: Identity; readonly now: Identity };

function start(t: ExecutionContext, startedBy: Name, args: string, options: HoldfastOptions = {}): Promise<Holdfast> {
  const cwd = appDir(t);
  return startHoldfast(t, {
    app: './identity.mjs',
    cwd,
    under: startedBy === 'root' ? ['setpriv', '--groups', '4,27', ...accounts(t)] : accounts(t, startedBy),
    args: ['-b', '127.0.0.1:0', ...args.split(' ').filter(Boolean)],
    pidfile: startedBy === 'root',
    ...options,
  });
}

/** The rows of the table with this last column, each as its cells. */
function rows(column: string): string[][] {
  const lines = docs.split('\n');
  const from = lines.findIndex((line) => line.startsWith('| started by') && line.endsWith(` ${column} |`)) + 2;
  const table = lines.slice(
    from,
    lines.findIndex((line, at) => at >= from && !line.startsWith('|')),
  );
  return table.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

const id = (name: string) => ids[name as Name] ?? Number(name);
/** Its end, or the event that should not come. */
const endOrReady = (holdfast: Holdfast) => Promise.race([holdfast.exit, holdfast.event('master.ready')]);

const numbers = (text: string) => text.split(' ').filter(Boolean).map(Number);
const four = (number: number) => Array(4).fill(number).join(' ');

for (const [startedBy = '', args = '', user = '', group = '', further = ''] of rows('further groups')) {
  rootTest(`started by ${startedBy} with ${args || 'nothing'}, workers are ${user}:${group} ${further}`, async (t) => {
    const holdfast = await start(t, startedBy as Name, args);
    const [worker] = holdfast.workers();
    const { Uid, Gid, Groups, CapEff, ...caps } = standing(worker?.pid ?? 0);
    const [master] = standings(holdfast.pid());
    t.is(Uid, four(id(user)));
    t.is(Gid, four(id(group)));
    const groups = further === 'those of the master' ? numbers(master?.Groups ?? '?') : further.split(' ').filter(Boolean).map(id);
    // Whether the own one stands there too makes no difference.
    t.deepEqual([...new Set([id(group), ...numbers(Groups)])].sort(), [id(group), ...groups].sort());
    if (user === 'root') {
      t.is(CapEff, master?.CapEff ?? '?');
      return;
    }
    t.deepEqual({ CapEff, ...caps, NoNewPrivs: '0' }, { CapEff: NONE, CapInh: NONE, CapPrm: NONE, CapAmb: NONE, NoNewPrivs: '0' });
    const { loaded, now } = await whoAnswers(holdfast);
    t.deepEqual(loaded, now, 'the app has never been anybody else');
    t.deepEqual([...now.user, ...now.group], [id(user), id(user), id(group), id(group)]);
    const { 'a signal to the master': signal, ...back } = now.back;
    t.deepEqual(back, { setuid: 'EPERM', setgid: 'EPERM', setgroups: 'EPERM' });
    if (startedBy === 'root') t.is(signal, 'EPERM');
  });
}

for (const [startedBy = '', args = '', line = ''] of rows('line')) {
  rootTest(`started by ${startedBy} with ${args}: ${line}`, async (t) => {
    const holdfast = await start(t, startedBy as Name, args, { untilReady: false, allowErrors: true });
    t.deepEqual(await endOrReady(holdfast), { status: 1, signal: null });
    t.is(holdfast.stderr, `${line}\n`);
    t.deepEqual(holdfast.events('worker.spawn'), []);
  });
}

rootTest('the app has the home, the name and the shell of its user, whatever root had', async (t) => {
  const env = { HOME: '/root', USER: 'root', LOGNAME: 'root', SHELL: '/bin/bash' };
  const shop = await whoAnswers(await start(t, 'root', '-u shop', { env }));
  t.deepEqual(shop.loaded.env, { HOME: '/home/shop', USER: 'shop', LOGNAME: 'shop', SHELL: '/bin/false' });
  const number = await whoAnswers(await start(t, 'root', '-u 4711 -g www', { env }));
  t.deepEqual(number.loaded.env, { HOME: '/' });
  const group = await whoAnswers(await start(t, 'root', '-g www', { env }));
  t.deepEqual(group.loaded.env, env);
});

rootTest('inheritable capabilities, which a change of the user leaves, are gone as well', async (t) => {
  const under = ['setpriv', '--inh-caps', '+net_bind_service,+chown', ...accounts(t)];
  const holdfast = await start(t, 'root', '-u shop', { under });
  t.not(standings(holdfast.pid())[0]?.CapPrm, NONE);
  t.is(standing(holdfast.workers()[0]?.pid ?? 0).CapInh, NONE);
});

rootTest('a drop that leaves something is refused, and says what it would leave', async (t) => {
  const under = ['setpriv', '--securebits', '+no_setuid_fixup', ...accounts(t)];
  const holdfast = await start(t, 'root', '-u shop', { under, untilReady: false, allowErrors: true });
  t.deepEqual(await endOrReady(holdfast), { status: 1, signal: null });
  t.regex(holdfast.stderr, /^holdfast: cannot drop to user "shop": CapPrm [0-9a-f]{16}, CapEff [0-9a-f]{16} would be left\n$/);
  await holdfast.gone();
});

rootTest('a root that lacks a capability is told which, before anything is bound', async (t) => {
  const under = [...accounts(t), 'setpriv', '--bounding-set', '-setuid,-kill'];
  const holdfast = await start(t, 'root', '-u shop', { under, untilReady: false, allowErrors: true });
  t.deepEqual(await endOrReady(holdfast), { status: 1, signal: null });
  t.regex(holdfast.stderr, /^holdfast: cannot drop to user "shop": this root lacks CAP_KILL and CAP_SETUID \(.*\)\n$/);
});

rootTest('a log that is renamed while it is opened is no failure', async (t) => {
  const dir = tempDir(t);
  chownSync(dir, ids.shop, ids.shop);
  const [log, renamed] = [join(dir, 'log'), join(dir, 'log.1')] as const;
  const rotate = `const { renameSync } = require('node:fs'); for (let turn = 0; turn < 1e7; turn += 1) try { renameSync(...process.argv.slice(1)); } catch {}`;
  const rotator = spawn(process.execPath, ['-e', rotate, log, renamed], { stdio: 'ignore' });
  t.teardown(() => rotator.kill('SIGKILL'));
  const shop = { label: 'user "shop"', uid: ids.shop, gid: ids.shop, groups: [ids.shop] };
  await waitFor(
    () => {
      closeSync(openAs(shop, log, constants.O_WRONLY | constants.O_CREAT, 0o640));
      return existsSync(renamed);
    },
    20_000,
    'one that renames',
  );
  for (let turn = 0; turn < 10_000; turn += 1) closeSync(openAs(shop, log, constants.O_WRONLY | constants.O_CREAT, 0o640));
  t.pass();
});

rootTest('a directory that is missing, or none, is not said to be closed', async (t) => {
  const cwd = appDir(t);
  for (const app of ['./missing/app.mjs', './identity.mjs/app.mjs']) {
    const holdfast = await start(t, 'root', '-u shop', { cwd, app, untilReady: false, allowErrors: true });
    t.deepEqual(await endOrReady(holdfast), { status: 4, signal: null });
    t.regex(holdfast.stderr, /^holdfast: cannot load .*: (no such file|ENOTDIR)/);
  }
});

for (const [whose, owner, group, mode, letter] of [
  ["root's", ids.root, ids.root, 0o700, 'o'],
  ["a group's of its own", ids.root, ids.media, 0o701, 'g'],
  ['its own', ids.shop, ids.media, 0o671, 'u'],
] as const)
  rootTest(`a directory that the user may not enter is named, with the chmod that opens it: ${whose}`, async (t) => {
    const cwd = appDir(t);
    chownSync(cwd, owner, group);
    chmodSync(cwd, mode);
    const options = { cwd, untilReady: false, allowErrors: true } as const;
    const holdfast = await start(t, 'root', '-u shop', options);
    t.deepEqual(await endOrReady(holdfast), { status: 4, signal: null });
    const advice = `chmod ${letter}+x ${cwd}`;
    t.is(
      holdfast.stderr,
      `holdfast: cannot load ${join(cwd, 'identity.mjs')}: user "shop" may not enter ${cwd} (${advice}, or move the app to where that user may)\n`,
    );
    execFileSync('sh', ['-c', advice]);
    await (await start(t, 'root', '-u shop', { ...options, untilReady: true })).stop();
  });
