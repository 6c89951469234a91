import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { EXIT, HoldfastError } from '#src/errors.js';
import { type Log, openLog } from '#src/log/log.js';
import { openLogFile } from '#src/log/log-file.js';
import { streamOf } from '#src/log/streams.js';
import { ofProcess } from '../../support/proc.js';
import { tempDir } from '../../support/temp.js';
import { openTerminal } from '../../support/terminal.js';

const PLAYER = fileURLToPath(new URL('./log-player.js', import.meta.url));

interface Line {
  readonly [key: string]: unknown;
}

function logTo(file: string, level: Parameters<typeof openLog>[0]['level'] = 'info'): Log {
  return openLog({ file, level, role: 'master', gen: 1, pid: 4711, name: 'shop' });
}

function linesOf(file: string): Line[] {
  const text = readFileSync(file, 'utf8');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

function withoutTime(file: string): Line[] {
  return linesOf(file).map(({ time, ...line }) => line);
}

test('a line says who, when, how grave, what happened, and the rest', (t) => {
  const file = join(tempDir(t), 'log');
  logTo(file).info('listener.bound', 'listening on [::]:80', { address: '[::]:80' });
  const [{ time, ...line } = {} as Line] = linesOf(file);
  const who = { role: 'master', gen: 1, pid: 4711, name: 'shop' };
  t.deepEqual(line, { level: 'info', ...who, event: 'listener.bound', address: '[::]:80', msg: 'listening on [::]:80' });
  t.is(new Date(String(time)).toISOString(), String(time));
});

test('without an event there is no such key', (t) => {
  const file = join(tempDir(t), 'log');
  logTo(file).warning(null, 'hm');
  t.deepEqual(withoutTime(file), [{ level: 'warning', role: 'master', gen: 1, pid: 4711, name: 'shop', msg: 'hm' }]);
});

test('levels are labels, and those below the chosen one are left out', (t) => {
  const dir = tempDir(t);
  const heard = (level: Parameters<typeof openLog>[0]['level']) => {
    const file = join(dir, level);
    const log = logTo(file, level);
    for (const each of ['debug', 'info', 'warning', 'error', 'critical'] as const) log[each](null, 'x');
    return linesOf(file).map((line) => line['level']);
  };
  t.deepEqual(heard('debug'), ['debug', 'info', 'warning', 'error', 'critical']);
  t.deepEqual(heard('warning'), ['warning', 'error', 'critical']);
  t.deepEqual(heard('critical'), ['critical']);
});

test('a child says more, or otherwise, and no key twice', (t) => {
  const file = join(tempDir(t), 'log');
  logTo(file).child({ role: 'worker', slot: 2, gen: 3 }).info(null, 'x');
  t.deepEqual(withoutTime(file), [{ level: 'info', role: 'worker', gen: 3, pid: 4711, name: 'shop', slot: 2, msg: 'x' }]);
  t.is(readFileSync(file, 'utf8').match(/"gen"/g)?.length, 1);
});

test('a file is appended to, and nobody else may write it', (t) => {
  const file = join(tempDir(t), 'log');
  logTo(file).info(null, 'one');
  logTo(file).info(null, 'two');
  t.deepEqual(
    linesOf(file).map((line) => line['msg']),
    ['one', 'two'],
  );
  t.is(statSync(file).mode & 0o777 & ~0o640, 0);
});

test('a rename and a reopen in the midst of writing lose no line', (t) => {
  const file = join(tempDir(t), 'log');
  const log = logTo(file);
  const child = log.child({ slot: 1 });
  const rotated = Array.from({ length: 5 }, (_, turn) => `${file}.${turn}`);
  let written = 0;
  const write = (count: number) => {
    for (let i = 0; i < count; i += 1) (i % 2 === 0 ? log : child).info(null, String(written++));
  };
  for (const [turn, name] of rotated.entries()) {
    write(500);
    renameSync(file, name);
    write(500);
    t.is(existsSync(file), false);
    // Whichever of them is told, both follow.
    (turn % 2 === 0 ? log : child).reopen();
  }
  write(500);
  const found = [...rotated, file].map(linesOf);
  t.deepEqual(
    found.map((lines) => lines.length),
    [1000, 1000, 1000, 1000, 1000, 500],
  );
  t.deepEqual(
    found.flat().map((line) => line['msg']),
    Array.from({ length: written }, (_, i) => String(i)),
  );
});

for (const name of ['constructor', 'toString', '__proto__']) {
  test(`${name} is a file's name like any other`, (t) => {
    const file = join(tempDir(t), name);
    t.is(streamOf(name), undefined);
    const before = process.cwd();
    process.chdir(dirname(file));
    t.teardown(() => process.chdir(before));
    logTo(name).info(null, 'x');
    t.is(linesOf(file).length, 1);
  });
}

test('a file whose directory is gone as soon as it is open is not left open', (t) => {
  const dir = join(tempDir(t), 'logs');
  const open = (path: string, flags: number, mode: number) => {
    const fd = openSync(path, flags, mode);
    rmSync(dir, { recursive: true });
    return fd;
  };
  const count = () => readdirSync('/proc/self/fd').length;
  const before = count();
  for (let round = 0; round < 3; round += 1) {
    mkdirSync(dir);
    t.throws(() => openLogFile(join(dir, 'log'), '--log-file', { uid: 0, open }), { message: /its directory does not exist/ });
  }
  t.is(count(), before);
});

test('a reopen that fails is said, the old file goes on, and no descriptor is left behind', (t) => {
  const dir = tempDir(t);
  const [there, away] = [join(dir, 'there'), join(dir, 'away')];
  mkdirSync(there);
  const log = logTo(join(there, 'log'));
  renameSync(there, away);
  log.reopen();
  log.reopen();
  log.info(null, 'still here');
  const [one, two, three] = linesOf(join(away, 'log'));
  const said = `cannot open the log file ${there}/log: its directory does not exist (see --log-file); the file that was open is written to as before`;
  t.like(one, { level: 'warning', msg: said });
  t.like(two, { level: 'warning', msg: said });
  t.like(three, { msg: 'still here' });
  mkdirSync(there);
  log.reopen();
  log.info(null, 'and back');
  t.deepEqual(
    linesOf(join(there, 'log')).map((line) => line['msg']),
    ['and back'],
  );
  t.deepEqual(openFilesBelow(dir), [join(there, 'log')]);
});

function openFilesBelow(dir: string): string[] {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The one that readdir had open.
      return '';
    }
  });
  return targets.filter((target) => target.startsWith(dir));
}

test('a log that cannot be opened is one line and exit status 1', (t) => {
  const dir = tempDir(t);
  execFileSync('mkfifo', [join(dir, 'fifo')]);
  for (const [file, why] of [
    [join(dir, 'no', 'log'), 'its directory does not exist'],
    [dir, 'it is a directory'],
    [join(dir, 'fifo'), 'it is a FIFO that nobody reads, or a socket'],
  ] as const) {
    const error = t.throws(() => logTo(file), { instanceOf: HoldfastError });
    t.is(error.message, `cannot open the log file ${file}: ${why} (see --log-file)`);
    t.is(error.exitStatus, EXIT.failed);
  }
});

test('a full disk stops nobody', (t) => {
  const log = logTo('/dev/full');
  t.notThrows(() => {
    for (let i = 0; i < 10_000; i += 1) log.info(null, 'x'.repeat(100));
    log.flush();
    log.reopen();
  });
});

test('a reader that is gone stops nobody', async (t) => {
  const player = spawn(process.execPath, [PLAYER, 'gone'], { stdio: ['pipe', 'pipe', 'pipe'] });
  t.teardown(() => player.kill('SIGKILL'));
  let errors = '';
  player.stderr.on('data', (text: Buffer) => {
    errors += text;
  });
  player.stdout.once('data', () => {
    player.stdout.destroy();
    player.stdout.once('close', () => player.stdin.end());
  });
  const [status] = await once(player, 'exit');
  t.is(errors, '');
  t.is(status, 0);
});

for (const [count, lossy] of [
  [1000, false],
  [5000, true],
] as const) {
  test(`a reader that is slow to read ${count} lines stops nobody, and hears of what it missed`, async (t) => {
    const player = spawn(process.execPath, [PLAYER, 'flood', String(count)], { stdio: ['pipe', 'pipe', 'pipe'] });
    t.teardown(() => player.kill('SIGKILL'));
    // Said on stderr when all is written, as far as the log is concerned; not a byte was read until then.
    await once(player.stderr, 'data');
    const numbers: number[] = [];
    let lost = 0;
    for await (const text of createInterface({ input: player.stdout })) {
      const line = JSON.parse(text) as Line;
      if (line['n'] !== undefined) numbers.push(Number(line['n']));
      lost += Number(/^(\d+) lines of the log were lost/.exec(String(line['msg']))?.[1] ?? 0);
      if (numbers.length + lost === count) player.stdin.end();
    }
    t.is(lost > 0, lossy);
    t.deepEqual(
      numbers,
      numbers.map((_, index) => index),
    );
  });
}

test('a pipe that blocks, and is not read, stops nobody', async (t) => {
  // Node gives its children sockets; a shell gives pipes.
  const shell = spawn('/bin/sh', ['-c', `"$0" "$1" stuck | sleep 60`, process.execPath, PLAYER], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.teardown(() => process.kill(-(shell.pid ?? 0), 'SIGKILL'));
  const [text] = await once(shell.stderr, 'data', { signal: AbortSignal.timeout(20_000) });
  t.is(String(text), 'not stuck');
});

test('a standard output that is a file on a full disk is told on stderr, as any other log is', (t) => {
  const script = 'ulimit -f 0; exec "$0" "$1" complain >"$2"';
  const { stderr } = spawnSync('/bin/sh', ['-c', script, process.execPath, PLAYER, join(tempDir(t), 'log')], { encoding: 'utf8' });
  t.regex(
    stderr,
    /^holdfast: cannot write the standard output: file too large \(what is logged meanwhile is kept .*\)\nholdfast: no luck at all\n$/,
  );
});

test('batches of several writers do not mix their lines in a pipe', async (t) => {
  const read = join(tempDir(t), 'read');
  const script = `(for i in 1 2 3 4; do "$0" "$1" batch 800 "$2" & done; wait) | (sleep 1; cat)`;
  const shell = spawn('/bin/sh', ['-c', script, process.execPath, PLAYER, read], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  t.teardown(() => ofProcess(() => process.kill(-(shell.pid ?? 0), 'SIGKILL')));
  let lines = 0;
  const perWriter = new Map<number, number[]>();
  for await (const text of createInterface({ input: shell.stdout })) {
    const { n, pid } = JSON.parse(text) as { n: number; pid: number };
    perWriter.set(pid, [...(perWriter.get(pid) ?? []), n]);
    lines += 1;
    if (lines === 4 * 800) writeFileSync(read, '');
  }
  t.is(perWriter.size, 4);
  for (const numbers of perWriter.values())
    t.deepEqual(
      numbers,
      Array.from({ length: 800 }, (_, n) => n),
    );
});

test('on a terminal it is text, and a complaint is shown once', async (t) => {
  const terminal = openTerminal(t, [process.execPath, PLAYER, 'complain']);
  await terminal.exit;
  t.regex(terminal.output, /master of gen 1 \(4711\): hello/);
  t.notRegex(terminal.output, /"role"/);
  t.is(terminal.output.match(/no luck/g)?.length, 1);
  t.regex(terminal.output, /holdfast: no luck at all/);
});

test('on a terminal nothing that is logged moves the cursor, or looks like another line', async (t) => {
  const terminal = openTerminal(t, [process.execPath, PLAYER, 'odd']);
  await terminal.exit;
  t.regex(terminal.output, /master of gen 1 \(4711\): one\\n\\u001b\[2Jtwo\\u0007\S*\r?\n.*last/);
});

test('elsewhere a complaint stands on stderr and in the log', async (t) => {
  const player = spawn(process.execPath, [PLAYER, 'complain'], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => player.kill('SIGKILL'));
  const said = { out: '', err: '' };
  player.stdout.on('data', (text: Buffer) => {
    said.out += text;
  });
  player.stderr.on('data', (text: Buffer) => {
    said.err += text;
  });
  await once(player, 'close');
  t.is(said.err, 'holdfast: no luck at all\n');
  t.regex(said.out, /"level":"critical".*"msg":"no luck at all"/);
});

test('a line whose writer was taken away before it was loaded goes to the standard error, and stops nobody', async (t) => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [PLAYER, 'taken away']);
  t.is(stdout, 'alive');
  t.is(stderr, 'holdfast: hello (not in the log: Cannot find module)\n');
});

test('the line after one that somebody who was killed has left without an end is a line of its own', (t) => {
  const file = join(tempDir(t), 'log');
  const log = logTo(file);
  log.mend();
  log.info(null, 'first');
  log.mend();
  log.info(null, 'second');
  writeFileSync(file, '{"level":"info","msg":"worker 1 ex', { flag: 'a' });
  log.mend();
  log.info(null, 'third');
  const [first, second, cut, third, ...rest] = readFileSync(file, 'utf8').split('\n');
  t.deepEqual(
    [first, second, third].map((line) => (JSON.parse(line ?? '') as Line)['msg']),
    ['first', 'second', 'third'],
  );
  t.is(cut, '{"level":"info","msg":"worker 1 ex');
  t.deepEqual(rest, ['']);
});
