import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';

/** What is loaded by two, or later, is called after one of its modules: the log's by a clock that came last, what a worker loads second as its entry. */
const telling = new Map([
  ['monotonic', 'log'],
  ['worker', 'serving'],
]);
const chunkFileNames = ({ name }) => `${telling.get(name) ?? name}.cjs`;

// Beside the rooms, so that a path relative to a module's own is right in both.
const output = { dir: 'dist/start', format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames, comments: false };

// What a process of ours is started from: one file, and CommonJS. Eighty ES modules, and Node's loader for them, cost each master and each worker
// about as much time again as Node's own start. dist/ has them all the same, for the public modules and the tests.
const ours = { input: { holdfast: 'src/cli/main.ts', worker: 'src/worker/main.ts' }, platform: 'node', external: /^[^./]/, output };

// Packages that every start waits for, as one file each: to find and read their parts takes as long as to run them. graceful-fs is a copy of `fs` for
// who opens more files than there may be, longer to load than all the rest of proper-lockfile, whose lock is a directory.
const packages = {
  input: { pino: 'pino', 'proper-lockfile': 'proper-lockfile' },
  platform: 'node',
  external: builtinModules.filter((name) => name !== 'assert'),
  resolve: { alias: { 'graceful-fs': 'node:fs' } },
  plugins: [smallAssert(), licences()],
  // Nobody reads them here, and without their white space they are a quarter smaller. Names stay, for who sees them in a stack.
  output: { ...output, minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } } },
};

/** node:assert, of which they need two functions, opens the standard error to find out whether it has colours. */
function smallAssert() {
  const code = `module.exports = Object.assign(ok, { equal: (a, b, why) => ok(a == b, why) });
function ok(is, why) { if (!is) throw new Error(why); }`;
  return {
    name: 'small-assert',
    resolveId: (id) => (/^(node:)?assert$/.test(id) ? 'small-assert' : null),
    load: (id) => (id === 'small-assert' ? code : null),
  };
}

function licences() {
  return {
    name: 'licences',
    // What is rendered loses its comments yet.
    generateBundle(_output, bundle) {
      for (const chunk of Object.values(bundle)) {
        const licences = licencesOf(chunk.moduleIds);
        if (licences !== '') chunk.code = `/*\n${licences}\n*/\n${chunk.code}`;
      }
    },
  };
}

/** Whose code a file has, and on what terms. */
function licencesOf(files) {
  const folders = new Set(files.map((file) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0]).filter(Boolean));
  return [...folders].map(licenceIn).join('\n\n');
}

function licenceIn(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((each) => /^licen[cs]e(\.(md|txt))?$/i.test(each));
  return `${name} ${version}: ${file === undefined ? license : readFileSync(join(folder, file), 'utf8').trim()}`;
}

export default [ours, packages];
