// The package as npm makes it, installed elsewhere: without scripts, without development dependencies, and from npm's cache where it can.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { descriptors } from '../support/descriptors.js';
import { startHoldfast } from '../support/holdfast.js';
import { startLoad } from '../support/load/index.js';
import { assertLossless } from '../support/load/lossless.js';
import { fixture, packageRoot } from '../support/paths.js';
import { Releases } from '../support/releases.js';
import { steady } from '../support/settled.js';
import { waitFor } from '../support/wait.js';

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: true; readonly version?: string }>>;
}

interface Packed {
  readonly filename: string;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

const place = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-package-')));
const consumer = join(place, 'consumer');
const installed = join(consumer, 'node_modules/holdfast');
const manifest = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
};
const subpaths = Object.keys(manifest.exports).filter((path) => path !== './package.json');
let packed: Packed;

test.before(() => {
  // Without its scripts: they would build anew under the tests that run beside this one.
  const told = npm(packageRoot, 'pack', '--json', '--ignore-scripts', '--pack-destination', place);
  packed = (JSON.parse(told) as [Packed])[0];
  mkdirSync(consumer);
  const holdfast = `file:../${packed.filename}`;
  write('package.json', { name: 'consumer', private: true, dependencies: { holdfast } });
  write('package-lock.json', lockOf(holdfast));
  npm(consumer, 'ci', '--prefer-offline', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund');
  // TypeScript's view of Node, which a consumer in TypeScript has.
  for (const name of ['@types', 'undici-types']) symlinkSync(join(packageRoot, 'node_modules', name), join(consumer, 'node_modules', name));
});

test.after.always(() => rmSync(place, { recursive: true, force: true }));

test('it has what runs and what is read, and nothing else', (t) => {
  const files = packed.files.map(({ path }) => path);
  const belongs =
    /^((bin|dist)\/.*\.c?js|bin\/package\.json|dist\/.*\.d\.ts|docs\/.*\.(md|js|txt)|systemd\/.*|package\.json|(README|CHANGELOG)\.md|LICENSE)$/;
  t.deepEqual(
    files.filter((path) => !belongs.test(path)),
    [],
  );
  for (const path of ['README.md', 'LICENSE', 'CHANGELOG.md', 'bin/holdfast.js', 'docs/upgrade.md']) t.true(files.includes(path), path);
  const pointing = files.filter(
    (path) => /\.(c?js|ts)$/.test(path) && readFileSync(join(installed, path), 'utf8').includes('sourceMappingURL'),
  );
  t.deepEqual(pointing, [], 'source maps to nowhere');
  t.log(`${files.length} files, ${packed.unpackedSize} bytes unpacked`);
  t.true(packed.unpackedSize < 800_000);
});

test('it brings no package that only its development needs', (t) => {
  const names = readdirSync(join(consumer, 'node_modules'));
  for (const name of ['ava', 'typescript', 'express', 'knip', '@biomejs']) t.false(names.includes(name), name);
});

test('its command runs from PATH', (t) => {
  const command = join(consumer, 'node_modules/.bin/holdfast');
  t.regex(execFileSync(command, ['--version'], { encoding: 'utf8' }), /^holdfast \d+\.\d+\.\d+ \(node v\d+/);
});

test('it serves, and upgrades without loss', async (t) => {
  const app = new Releases(t, 2);
  const command = join(consumer, 'node_modules/.bin/holdfast');
  const holdfast = await startHoldfast(t, { command, app: app.app, cwd: app.current, args: ['-w', '2'] });
  const load = await startLoad(t, { target: holdfast.target, mix: { short: 4, keepAlive: 8, slow: 2 }, keepAliveTimeoutMs: 5_000 });
  await load.warm(2);
  app.point(2);
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  await load.mark();
  await load.answeredAtLeast(200);
  t.is((await holdfast.reload()).event, 'reload.done');
  assertLossless(t, await load.stop());
});

test('installed without the binary of its native module it says so in one line', (t) => {
  const maimed = join(place, 'maimed');
  cpSync(consumer, maimed, { recursive: true, filter: (path) => !path.includes('@koromix'), verbatimSymlinks: true });
  const { status, stderr } = spawnSync(join(maimed, 'node_modules/.bin/holdfast'), [fixture('hello.js')], { encoding: 'utf8' });
  t.is(status, 1);
  t.regex(stderr, /^holdfast: cannot start: the package koffi is without its binary for \w+-\w+ \(npm install again, .*\)\n$/);
});

test('removed under a running master it is missed in one line, and what is installed there then serves on', async (t) => {
  const moved = join(place, 'moved');
  cpSync(consumer, moved, { recursive: true, verbatimSymlinks: true });
  const own = join(moved, 'node_modules/holdfast');
  const aside = join(moved, 'aside');
  const command = join(moved, 'node_modules/.bin/holdfast');
  const holdfast = await startHoldfast(t, { command, args: ['-w', '2'], allowErrors: [/reload\.failed/, /upgrade\.rollback/] });
  // A worker that has begun to accept loads the last of what it needs: its watchdog, and its log.
  await steady(() => holdfast.workers().map(({ pid }) => descriptors(pid).kinds));
  renameSync(own, aside);
  const after = holdfast.log.length;
  const [dead] = holdfast.workers();
  process.kill(dead?.pid ?? 0, 'SIGKILL');
  const gone = `cannot start worker ${dead?.slot}: ${own}/dist/start/worker.cjs is gone (install Holdfast there again, or USR2 to upgrade to another)`;
  await holdfast.event('worker.exit', ({ msg = '' }) => msg.includes(gone), { after });
  t.is((await holdfast.reload()).event, 'reload.failed');
  t.regex(String((await holdfast.upgrade()).reason), /Cannot find module '.*\/node_modules\/\.bin\/holdfast'\)$/);
  t.notRegex(holdfast.stderr, /^ {4}at /m, 'a stack');
  cpSync(aside, own, { recursive: true });
  rmSync(aside, { recursive: true });
  t.is((await holdfast.reload()).event, 'reload.done');
  t.is((await holdfast.upgrade()).event, 'upgrade.done');
  await waitFor(() => holdfast.processes().length === 3, 20_000, 'the new generation alone');
});

for (const path of subpaths) {
  const name = `holdfast${path.slice(1)}`;
  test(`${name} is used alone, by import and by require`, (t) => {
    const own = fixture(`use-${path.slice(2)}.cjs`);
    const use = existsSync(own) ? own : fixture('use-any.cjs');
    for (const get of [`await import('${name}')`, `require('${name}')`]) {
      const script = `require(${JSON.stringify(use)})(async () => ${get}).then(() => console.log('used'))`;
      t.is(run(process.execPath, ['--input-type=commonjs', '--no-warnings=ExperimentalWarning', '-e', script]), 'used\n', get);
    }
  });
}

/** A module system, its resolution, and the file's kind: .cts is CommonJS, which may require what is ESM. */
const kinds = [
  ['nodenext', 'nodenext', 'mts'],
  ['nodenext', 'nodenext', 'cts'],
  ['node16', 'node16', 'mts'],
  ['esnext', 'bundler', 'ts'],
] as const;

for (const [module, moduleResolution, extension] of kinds) {
  test(`its types are right for a consumer with module ${module}, resolution ${moduleResolution}, in a .${extension}`, (t) => {
    const project = `types-${module}-${extension}`;
    mkdirSync(join(consumer, project));
    writeFileSync(join(consumer, project, `use.${extension}`), readFileSync(fixture('use-types.ts')));
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: 'es2022',
      types: ['node'],
      skipLibCheck: false,
      module,
      moduleResolution,
    };
    write(`${project}/tsconfig.json`, { compilerOptions, files: [`use.${extension}`] });
    t.is(compile(project), '');
  });
}

/** What tsc(1) has to say. */
function compile(project: string): string {
  try {
    return run(join(packageRoot, 'node_modules/.bin/tsc'), ['-p', project, '--pretty', 'false']);
  } catch (error) {
    return String((error as { stdout?: string }).stdout ?? error);
  }
}

function npm(cwd: string, ...args: string[]): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function run(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { cwd: consumer, encoding: 'utf8', timeout: 60_000 });
}

function write(name: string, content: unknown): void {
  writeFileSync(join(consumer, name), JSON.stringify(content));
}

/** The very versions of our own lock, so that npm has to ask nobody which there are. */
function lockOf(holdfast: string): object {
  const { packages } = JSON.parse(readFileSync(join(packageRoot, 'package-lock.json'), 'utf8')) as Lock;
  const { '': root, ...others } = packages;
  const needed = Object.fromEntries(Object.entries(others).filter(([, { dev }]) => dev !== true));
  const entry = { ...root, resolved: holdfast, devDependencies: undefined, name: undefined };
  const own = { '': { name: 'consumer', dependencies: { holdfast } }, 'node_modules/holdfast': entry };
  return { name: 'consumer', lockfileVersion: 3, requires: true, packages: { ...own, ...needed } };
}
