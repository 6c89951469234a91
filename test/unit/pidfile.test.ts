import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import ava, { type ExecutionContext } from 'ava';
import { liveMaster, Pidfile } from '#src/pidfile/index.js';
import { watchPidfile } from '../support/pidfile-watch.js';
import { tempDir } from '../support/temp.js';
import { filesIn, named, player } from './pidfile-player.js';

// One at a time: they change the umask and the directory, start many processes, and measure.
const test = ava.serial;

const NOBODY = 65534;
const CHOOSE = 'name another file with --pid';

function place(t: ExecutionContext): { dir: string; path: string } {
  const dir = tempDir(t);
  return { dir, path: join(dir, 'shop.pid') };
}

async function claimed(t: ExecutionContext, path: string): Promise<Pidfile> {
  const file = await Pidfile.claim(path);
  t.teardown(() => file.release());
  return file;
}

async function refused(t: ExecutionContext, path: string): Promise<string> {
  const error = await t.throwsAsync(() => Pidfile.claim(path), { name: 'HoldfastError' });
  t.is((error as (Error & { exitStatus?: number }) | undefined)?.exitStatus, 1);
  return error?.message ?? '';
}

/** Another user holds its lock until the teardown. */
async function lockByNobody(t: ExecutionContext, path: string, how: readonly string[]): Promise<void> {
  const [program, ...args] = ['setpriv', '--reuid', `${NOBODY}`, '--clear-groups', ...how, path];
  // A group of its own, so that flock(1) and what it runs end together.
  const child = spawn(program ?? '', args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => process.kill(-(child.pid ?? 0), 'SIGKILL'));
  await once(child.stdout, 'data');
}

const takers = {
  'another user took': ['sh', '-c', 'exec flock -x "$0" sh -c "echo; exec sleep 600"'],
  'another user has from a process that is gone': ['sh', '-c', 'exec 9<"$0"; flock -x 9; echo; exec sleep 600'],
};

for (const [who, how] of Object.entries(takers)) {
  (process.getuid?.() === 0 ? test : test.skip)(
    `a lock that ${who} of a dead pidfile keeps nobody from starting (needs root)`,
    async (t) => {
      const { dir, path } = place(t);
      chmodSync(dir, 0o755);
      const master = await player(t);
      await master.do('claim', path);
      await master.kill();
      await lockByNobody(t, path, how);
      t.is(liveMaster(path), undefined);
      await claimed(t, path);
      t.is(named(path), process.pid);
      t.deepEqual(filesIn(dir), ['shop.pid']);
    },
  );
}

(process.getuid?.() === 0 ? test : test.skip)("root's own lock counts, whoever the file names (needs root)", async (t) => {
  const { path } = place(t);
  const master = await player(t);
  await master.do('claim', path);
  await master.kill();
  await player(t, ['flock', '-x', path]);
  t.regex(await refused(t, path), /names a running master/);
});

test('a first start writes its pid and a newline, readable by all whatever the umask, and nothing beside it', async (t) => {
  const { dir, path } = place(t);
  const before = process.umask(0o077);
  t.teardown(() => process.umask(before));
  await claimed(t, path);
  t.is(readFileSync(path, 'utf8'), `${process.pid}\n`);
  t.is(statSync(path).mode & 0o777, 0o644);
  t.deepEqual(filesIn(dir), ['shop.pid']);
});

test('a relative path is resolved when the file is claimed', async (t) => {
  const { dir, path } = place(t);
  const before = process.cwd();
  process.chdir(dir);
  let file: Pidfile;
  try {
    file = await claimed(t, 'shop.pid');
  } finally {
    process.chdir(before);
  }
  t.is(file.path, path);
  await file.release();
  t.deepEqual(filesIn(dir), []);
});

for (const suffix of ['', '.2', '.oldbin']) {
  test(`a first start refuses while PATH${suffix} is held by a live process, and leaves everything as it was`, async (t) => {
    const { dir, path } = place(t);
    const master = await player(t);
    await master.do('claim', path);
    if (suffix !== '') renameSync(path, path + suffix);
    const hint = suffix === '' ? `kill -USR2 ${master.pid} upgrades it` : `kill -TERM ${master.pid} ends it`;
    t.is(await refused(t, path), `cannot start: ${path}${suffix} names a running master (pid ${master.pid}); ${hint}`);
    t.deepEqual(filesIn(dir), [`shop.pid${suffix}`]);
    t.is(named(path + suffix), master.pid);
  });
}

test('a first start replaces the file of a master that was killed, and removes its companions and temporary files', async (t) => {
  const { dir, path } = place(t);
  const master = await player(t);
  await master.do('claim', path);
  linkSync(path, `${path}.2`);
  linkSync(path, `${path}.oldbin`);
  writeFileSync(`${path}.4711.0123abcd.tmp`, '');
  writeFileSync(`${path}.tmp`, 'not ours');
  await master.kill();
  await claimed(t, path);
  t.deepEqual(filesIn(dir), ['shop.pid', 'shop.pid.tmp']);
  t.is(named(path), process.pid);
});

test('a temporary file that somebody alive holds is not swept away', async (t) => {
  const { dir, path } = place(t);
  const other = await player(t);
  await other.do('claim', join(dir, 'other.pid'));
  renameSync(join(dir, 'other.pid'), `${path}.4711.0123abcd.tmp`);
  await claimed(t, path);
  t.deepEqual(filesIn(dir), ['shop.pid', 'shop.pid.4711.0123abcd.tmp']);
});

test('a zombie holds no pidfile', async (t) => {
  const { path } = place(t);
  const neverReaped = await player(t, ['sh', '-c', '"$0" "$@" & exec sleep 600']);
  await neverReaped.do('claim', path);
  await neverReaped.kill();
  t.notThrows(() => process.kill(neverReaped.pid, 0), 'it is there, as a zombie');
  await claimed(t, path);
  t.is(named(path), process.pid);
});

test('a live pid in a file that nobody locks is no running master', async (t) => {
  const { path } = place(t);
  writeFileSync(path, `${process.ppid}\n`);
  t.is(liveMaster(path), undefined);
  await claimed(t, path);
  t.is(named(path), process.pid);
});

for (const [what, left] of [
  ['empty', ''],
  ['full of zeroes', '\0'.repeat(4096)],
] as const) {
  test(`an unlocked pidfile that is ${what} is replaced`, async (t) => {
    const { path } = place(t);
    writeFileSync(path, left);
    await claimed(t, path);
    t.is(named(path), process.pid);
  });
}

test('a document named by mistake is not overwritten', async (t) => {
  const { path } = place(t);
  for (const text of ['export default (req, res) => res.end();\n'.repeat(20), 'a note\n']) {
    writeFileSync(path, text);
    t.is(await refused(t, path), `cannot use the pidfile ${path}: it is a file with other contents (${CHOOSE})`);
    t.is(readFileSync(path, 'utf8'), text);
  }
});

test('a symbolic link at PATH is replaced, and what it points to is left alone', async (t) => {
  const { dir, path } = place(t);
  writeFileSync(join(dir, 'precious'), '1\n');
  symlinkSync('precious', path);
  await claimed(t, path);
  t.true(lstatSync(path).isFile());
  t.is(readFileSync(join(dir, 'precious'), 'utf8'), '1\n');
  t.deepEqual(filesIn(dir), ['precious', 'shop.pid']);
});

test('a symbolic link that leads nowhere is replaced, and nothing appears where it pointed', async (t) => {
  const { dir, path } = place(t);
  symlinkSync('planted', path);
  await claimed(t, path);
  t.deepEqual(filesIn(dir), ['shop.pid']);
});

test('a device behind a symbolic link is refused, so that -p /dev/stdout does not replace it', async (t) => {
  const { path } = place(t);
  symlinkSync('/dev/null', path);
  t.is(await refused(t, path), `cannot use the pidfile ${path}: it is not a regular file (${CHOOSE})`);
  t.true(lstatSync(path).isSymbolicLink());
});

test('so is a link to a descriptor, whatever that is open on', async (t) => {
  const { dir, path } = place(t);
  writeFileSync(join(dir, 'output'), '');
  const fd = openSync(join(dir, 'output'), 'r');
  t.teardown(() => closeSync(fd));
  symlinkSync(`/proc/self/fd/${fd}`, path);
  t.is(await refused(t, path), `cannot use the pidfile ${path}: it is a link to a descriptor (${CHOOSE})`);
  t.true(lstatSync(path).isSymbolicLink());
});

test('a directory, a missing directory, and a file for a directory are refused with one line each', async (t) => {
  const { dir, path } = place(t);
  mkdirSync(path);
  t.is(await refused(t, path), `cannot use the pidfile ${path}: it is a directory (${CHOOSE})`);
  const missing = join(dir, 'no/shop.pid');
  t.is(await refused(t, missing), `cannot use the pidfile ${missing}: there is no directory ${dir}/no (create it)`);
  writeFileSync(join(dir, 'file'), '');
  const message = `cannot use the pidfile ${dir}/file/shop.pid: ${dir}/file is not a directory (${CHOOSE})`;
  t.is(await refused(t, join(dir, 'file/shop.pid')), message);
});

test('a directory that may not be written is refused with one line, and a master that runs there is named all the same', async (t) => {
  const { dir, path } = place(t);
  chmodSync(dir, 0o555);
  t.teardown(() => chmodSync(dir, 0o755));
  const other = await player(t);
  if (process.getuid?.() === 0) await other.do('become', NOBODY);
  const answer = await other.ask('claim', path);
  t.is(answer.error, `cannot use the pidfile ${path}: permission denied in ${dir} (make it writable for this user, or ${CHOOSE})`);
  t.is(answer.status, 1);
  chmodSync(dir, 0o755);
  await claimed(t, path);
  chmodSync(dir, 0o555);
  t.regex((await other.ask('claim', path)).error ?? '', new RegExp(`names a running master \\(pid ${process.pid}\\)`));
  chmodSync(dir, 0o755);
});

test('a full disk is one line, and no temporary file stays behind', async (t) => {
  const { dir, path } = place(t);
  const fill = `dd if=/dev/zero of=${dir}/ballast bs=4k count=9 2>/dev/null`;
  const alone = ['unshare', '-rm', 'sh', '-c', `mount -t tmpfs -o size=16k none ${dir} && { ${fill}; exec "$0" "$@"; }`];
  const full = await player(t, alone).catch(() => undefined);
  if (full === undefined) {
    t.pass('no mount namespaces here');
    return;
  }
  const answer = await full.ask('claim', path);
  t.is(answer.error, `cannot use the pidfile ${path}: no space left on the file system of ${dir} (free some, or ${CHOOSE})`);
  t.is(answer.status, 1);
  t.deepEqual(filesIn(`/proc/${full.pid}/root${dir}`), ['ballast']);
});

test('a read-only file system is one line', async (t) => {
  const { dir, path } = place(t);
  const alone = ['unshare', '-rm', 'sh', '-c', `mount -t tmpfs -o ro none ${dir} && exec "$0" "$@"`];
  const other = await player(t, alone).catch(() => undefined);
  if (other === undefined) {
    t.pass('no mount namespaces here');
    return;
  }
  const answer = await other.ask('claim', path);
  t.is(answer.error, `cannot use the pidfile ${path}: ${dir} is on a read-only file system (${CHOOSE})`);
});

test('of several first starts at once exactly one succeeds, and the others name it', async (t) => {
  const { dir, path } = place(t);
  const players = await Promise.all(Array.from({ length: 4 }, () => player(t)));
  for (const isLeft of [true, false, true, false]) {
    rmSync(path, { force: true });
    if (isLeft) writeFileSync(path, '1\n');
    const answers = await Promise.all(players.map((each) => each.ask('claim', path)));
    const winners = players.filter((_, index) => answers[index]?.error === undefined);
    t.is(winners.length, 1);
    t.is(named(path), winners[0]?.pid ?? 0);
    const lost = answers.filter(({ error }) => error !== undefined);
    for (const { error } of lost) t.regex(error ?? '', new RegExp(`names a running master \\(pid ${winners[0]?.pid}\\)`));
    t.deepEqual(filesIn(dir), ['shop.pid']);
    await winners[0]?.do('release');
  }
});

test('who looks at a dead pidfile does not make a first start think it alive', async (t) => {
  const { path } = place(t);
  const curious = await player(t);
  writeFileSync(path, '1\n');
  await curious.do('probe', path);
  for (let round = 0; round < 100; round += 1) {
    const file = await Pidfile.claim(path);
    await file.release();
    writeFileSync(path, '1\n');
  }
  t.pass();
});

test('liveMaster says who holds the file, through a symbolic link too, and nobody once the holder is killed', async (t) => {
  const { dir, path } = place(t);
  t.is(liveMaster(path), undefined);
  const master = await player(t);
  await master.do('claim', path);
  symlinkSync('shop.pid', join(dir, 'link'));
  t.is(liveMaster(path), master.pid);
  t.is(liveMaster(join(dir, 'link')), master.pid);
  await master.kill();
  t.is(liveMaster(path), undefined);
  t.is(named(path), master.pid);
});

test('a candidate writes PATH.2 beside PATH, and a second one is refused', async (t) => {
  const { dir, path } = place(t);
  await claimed(t, path);
  const [first, second] = [await player(t), await player(t)];
  await first.do('propose', path);
  t.is(named(`${path}.2`), first.pid);
  t.is(named(path), process.pid);
  t.regex((await second.ask('propose', path)).error ?? '', new RegExp(`another running candidate \\(pid ${first.pid}\\)`));
  await first.kill();
  await second.do('propose', path);
  t.is(named(`${path}.2`), second.pid);
  t.deepEqual(filesIn(dir), ['shop.pid', 'shop.pid.2']);
});

test('a rotation makes the old file PATH.oldbin and the new one PATH, by renames; a second rotation changes nothing', async (t) => {
  const { dir, path } = place(t);
  await claimed(t, path);
  const candidate = await player(t);
  await candidate.do('propose', path);
  const [old, fresh] = [statSync(path).ino, statSync(`${path}.2`).ino];
  for (let time = 0; time < 2; time += 1) {
    await candidate.do('rotate');
    t.deepEqual([statSync(`${path}.oldbin`).ino, statSync(path).ino], [old, fresh]);
    t.deepEqual(filesIn(dir), ['shop.pid', 'shop.pid.oldbin']);
  }
  t.is(liveMaster(path), candidate.pid);
  t.is(liveMaster(`${path}.oldbin`), process.pid);
});

test("a rotation takes nobody's file but the predecessor's, and makes no retiree of anybody else", async (t) => {
  const { dir, path } = place(t);
  await claimed(t, path);
  unlinkSync(path);
  const [other, candidate] = [await player(t), await player(t)];
  await other.do('claim', path);
  await candidate.do('propose', path);
  t.regex(
    (await candidate.ask('rotate', process.pid)).error ?? '',
    new RegExp(`names another running process by now \\(pid ${other.pid}\\)`),
  );
  t.is(liveMaster(path), other.pid);
  t.deepEqual(filesIn(dir), ['shop.pid', 'shop.pid.2']);
  await other.kill();
  await candidate.do('rotate', process.pid);
  t.is(liveMaster(path), candidate.pid);
  t.deepEqual(filesIn(dir), ['shop.pid'], 'a dead instance is no retiree');
});

test("a rotation knows the predecessor's file by its lock, whatever somebody wrote into it", async (t) => {
  const { dir, path } = place(t);
  await claimed(t, path);
  const old = statSync(path).ino;
  const candidate = await player(t);
  await candidate.do('propose', path);
  for (const text of ['1\n', '']) {
    writeFileSync(path, text);
    await candidate.do('rotate', process.pid);
    t.deepEqual([statSync(`${path}.oldbin`).ino, liveMaster(path)], [old, candidate.pid]);
    renameSync(path, `${path}.2`);
    renameSync(`${path}.oldbin`, path);
  }
  t.deepEqual(filesIn(dir), ['shop.pid', 'shop.pid.2']);
});

test('a rotation goes through when PATH.2, PATH, or both were removed, or PATH.oldbin is there already', async (t) => {
  const { dir, path } = place(t);
  let old = await Pidfile.claim(path);
  const candidate = await player(t);
  for (const lost of [[`${path}.2`], [path], [path, `${path}.2`], []]) {
    await candidate.do('propose', path);
    for (const file of lost) unlinkSync(file);
    if (lost.length === 0) linkSync(path, `${path}.oldbin`);
    await candidate.do('rotate');
    t.is(liveMaster(path), candidate.pid);
    t.deepEqual(filesIn(dir), lost.includes(path) ? ['shop.pid'] : ['shop.pid', 'shop.pid.oldbin']);
    await candidate.do('release');
    await old.release();
    t.deepEqual(filesIn(dir), []);
    old = await Pidfile.claim(path);
  }
  await old.release();
});

test('a release removes every name of our own file and no other file, and may be repeated', async (t) => {
  const { dir, path } = place(t);
  const file = await Pidfile.claim(path);
  linkSync(path, `${path}.2`);
  writeFileSync(`${path}.oldbin`, '1\n');
  await Promise.all([file.release(), file.release()]);
  t.deepEqual(filesIn(dir), ['shop.pid.oldbin']);
  await file.release();

  const robbed = await Pidfile.claim(path);
  writeFileSync(`${path}.new`, `${process.pid}\n`);
  renameSync(`${path}.new`, path);
  await robbed.release();
  t.deepEqual(filesIn(dir), ['shop.pid'], 'the same contents, another file');
});

test('a release lets the lock go, and does not mind that the directory is gone', async (t) => {
  const { dir, path } = place(t);
  const file = await Pidfile.claim(path);
  linkSync(path, `${path}.kept`);
  t.is(liveMaster(`${path}.kept`), process.pid);
  await file.release();
  t.is(liveMaster(`${path}.kept`), undefined);

  const other = await Pidfile.claim(path);
  rmSync(dir, { recursive: true });
  await other.release();
  t.false(existsSync(dir));
});

test('a release after a rotation removes PATH.oldbin and leaves PATH to the successor', async (t) => {
  const { dir, path } = place(t);
  const file = await Pidfile.claim(path);
  const successor = await player(t);
  await successor.do('propose', path);
  await successor.do('rotate');
  await file.release();
  t.deepEqual(filesIn(dir), ['shop.pid']);
  t.is(liveMaster(path), successor.pid);
});

test('PATH is never missing, empty or half-written during 200 rotations back and forth', async (t) => {
  const { path } = place(t);
  const [first, second] = [await player(t), await player(t)];
  await first.do('claim', path);
  const watch = await watchPidfile(t, path);
  let [incumbent, candidate] = [first, second];
  // The reader has to see some of it, and who reads on a busy machine sees less.
  const enough = async () => {
    const { reads, pids } = await watch.report();
    return reads > 1000 && pids.length > 50;
  };
  for (let round = 0; round < 200 || !(await enough()); round += 1) {
    await candidate.do('propose', path);
    await candidate.do('rotate');
    await incumbent.do('release');
    [incumbent, candidate] = [candidate, incumbent];
  }
  const { missing, empty, malformed, dead } = await watch.stop();
  t.deepEqual({ missing, empty, malformed, dead }, { missing: 0, empty: 0, malformed: 0, dead: [] });
});
