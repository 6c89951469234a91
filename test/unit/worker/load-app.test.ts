import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { EXIT, HoldfastError } from '#src/errors.js';
import { loadApp } from '#src/worker/load-app.js';
import { probe } from '#src/worker/probe.js';
import { tempDir } from '../../support/temp.js';

/** A directory with these files. */
function release(t: ExecutionContext, files: Readonly<Record<string, string>>): string {
  const dir = tempDir(t);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
}

async function refused(t: ExecutionContext, spec: string, cwd: string): Promise<HoldfastError> {
  const error = await t.throwsAsync(loadApp(spec, cwd), { instanceOf: HoldfastError });
  if (error === undefined) throw new Error('unreachable');
  t.is(error.exitStatus, EXIT.app);
  t.notRegex(error.message, /\n/);
  return error;
}

const LISTENER = '(req, res) => res.end("hi")';
const served: Readonly<Record<string, readonly [file: string, text: string, spec?: string]>> = {
  'a default export': ['a.mjs', `export default ${LISTENER}`],
  'an export "app"': ['a.mjs', `export const app = ${LISTENER}`],
  'an export "handler" beside something else': ['a.mjs', `export const port = 1; export const handler = ${LISTENER}`],
  'a named export': ['a.mjs', `export default 1; export const web = ${LISTENER}`, './a.mjs#web'],
  'an export "app" beside a default that cannot be served': ['a.mjs', `export default 42; export const app = ${LISTENER}`],
  'a CommonJS function': ['a.cjs', `module.exports = ${LISTENER}`],
  'a CommonJS object with app': ['a.cjs', `module.exports = { app: ${LISTENER}, port: 1 }`],
  'a named property that a CommonJS module computes': ['a.cjs', `module.exports = { ['w' + 'eb']: ${LISTENER} }`, './a.cjs#web'],
  'TypeScript compiled to CommonJS': [
    'a.cjs',
    `Object.defineProperty(exports, '__esModule', { value: true }); exports.default = ${LISTENER}`,
  ],
  'a factory': ['a.mjs', `export default () => ${LISTENER}`],
  'an async factory of a server': [
    'a.mjs',
    `import { createServer } from 'node:http'; export default async () => createServer(${LISTENER})`,
  ],
  'a file without ./': ['a.mjs', `export default ${LISTENER}`, 'a.mjs'],
  'a file without its extension': ['a.js', `module.exports = ${LISTENER}`, './a'],
  'a directory': ['web/index.js', `module.exports = ${LISTENER}`, './web'],
  'a package': ['node_modules/shop/index.js', `module.exports = ${LISTENER}`, 'shop'],
  'a file of a package': ['node_modules/shop/web.js', `module.exports = ${LISTENER}`, 'shop/web.js'],
  'a file whose name has a #': ['a#b.mjs', `export default ${LISTENER}`, './a#b.mjs#default'],
};

for (const [what, [file, text, spec]] of Object.entries(served)) {
  test(`serves ${what}`, async (t) => {
    const { server } = await loadApp(spec ?? `./${file}`, release(t, { [file]: text }));
    await t.notThrowsAsync(probe(server, '/', { timeoutMs: 20_000 }));
  });
}

test('an absolute path, and a server that stays itself', async (t) => {
  const dir = release(t, { 'a.mjs': `import { createServer } from 'node:https'; export const own = createServer(); export default own` });
  const app = await loadApp(join(dir, 'a.mjs'), '/');
  const { own } = (await import(join(dir, 'a.mjs'))) as { own: unknown };
  t.is(app.server as unknown, own);
  t.false(app.ours);
});

test('a file of the working directory goes before a package', async (t) => {
  const dir = release(t, { shop: `module.exports = ${LISTENER}`, 'node_modules/shop/index.js': 'module.exports = 1' });
  t.true((await loadApp('shop', dir)).ours);
});

test('an Express app is a listener', async (t) => {
  const { server, ours } = await loadApp('./test/fixtures/express.cjs', process.cwd());
  t.true(ours);
  await t.notThrowsAsync(probe(server, '/', { timeoutMs: 20_000 }));
  await t.throwsAsync(probe(server, '/missing', { timeoutMs: 20_000 }), { message: 'probe /missing answered 404' });
});

const MAY = 'export a (req, res) function or an http.Server that does not listen yet';
const complaints: Readonly<Record<string, readonly [spec: string, text: string, complaint: string]>> = {
  'a name that it has not': ['./a.mjs#foo', 'export default 1; export const bar = 2', 'it has no export "foo" (it has: bar, default)'],
  'a name, and it has none': ['./a.mjs#foo', '', 'it has no export "foo" (it has none)'],
  'a number': ['./a.mjs', 'export default 42', `exports nothing servable (a number); ${MAY}`],
  nothing: ['./a.mjs', '', `exports nothing servable (nothing); ${MAY}`],
  'an array': ['./a.mjs', 'export default []', `exports nothing servable (an array); ${MAY}`],
  'a plain object': ['./a.cjs', 'module.exports = { port: 1 }', `exports nothing servable (an object); ${MAY}`],
  'a net.Server': [
    './a.mjs',
    "import net from 'node:net'; export default net.createServer()",
    `exports nothing servable (a server that is neither http nor https); ${MAY}`,
  ],
  'an object with fetch': [
    './a.mjs',
    'export default { fetch() {} }',
    `exports nothing servable (an object with fetch(), which is not supported yet); ${MAY}`,
  ],
  'a factory of nothing': [
    './a.mjs',
    'export default () => {}',
    'its factory returned nothing servable (nothing); return a (req, res) function or an http.Server that does not listen yet',
  ],
  'a factory of a factory': [
    './a.mjs',
    `export default () => () => ${LISTENER}`,
    'its factory returned nothing servable (a function without parameters); return a (req, res) function or an http.Server that does not listen yet',
  ],
  'a throw': ['./a.mjs', 'throw new Error("no database\\nat all")', 'no database at DIR/a.mjs:1'],
  'a rejection': ['./a.mjs', 'export default async () => { throw new Error("no database") }', 'no database at DIR/a.mjs:1'],
  'a missing dependency': ['./a.cjs', 'require("nonesuch")', "Cannot find module 'nonesuch' at DIR/a.cjs:1"],
};

for (const [what, [spec, text, complaint]] of Object.entries(complaints)) {
  test(`refuses in one line: ${what}`, async (t) => {
    const dir = release(t, { [spec.slice(2).split('#')[0] ?? '']: text });
    const error = await refused(t, spec, dir);
    t.is(error.message, `cannot load ${spec}: ${complaint.replace('DIR', dir)}`);
  });
}

test('says where it looked', async (t) => {
  const dir = tempDir(t);
  t.is((await refused(t, './server.js', dir)).message, `cannot load ./server.js: no such file (looked in ${dir})`);
  t.is((await refused(t, 'nonesuch', dir)).message, `cannot load nonesuch: no such file or package (looked in ${dir})`);
  t.is((await refused(t, dir, '/')).message, `cannot load ${dir}: it is a directory without an index.js or a "main" (name the file)`);
  t.is((await refused(t, `${dir}/server.js`, '/')).message, `cannot load ${dir}/server.js: no such file`);
});

test('says where the syntax is wrong, in modules of both kinds and in what they import', async (t) => {
  const dir = release(t, {
    'bad.mjs': 'export default 1;\nexport const x = ;',
    'bad.cjs': '\n\nconst x = ;',
    'imports.mjs': 'import "./bad.mjs";',
    'requires.cjs': 'require("./bad.cjs")',
    'names.mjs': 'import { nonesuch } from "node:fs";',
  });
  t.is((await refused(t, './bad.mjs', dir)).message, `cannot load ./bad.mjs: Unexpected token ';' at ${dir}/bad.mjs:2`);
  t.is((await refused(t, './bad.cjs', dir)).message, `cannot load ./bad.cjs: Unexpected token ';' at ${dir}/bad.cjs:3`);
  t.is((await refused(t, './imports.mjs', dir)).message, `cannot load ./imports.mjs: Unexpected token ';' at ${dir}/bad.mjs:2`);
  t.is((await refused(t, './requires.cjs', dir)).message, `cannot load ./requires.cjs: Unexpected token ';' at ${dir}/bad.cjs:3`);
  t.regex((await refused(t, './names.mjs', dir)).message, /does not provide an export named 'nonesuch' at .*names\.mjs:1$/);
});

test('what the app threw is the cause, with its stack', async (t) => {
  const dir = release(t, { 'a.mjs': '\nthrow new TypeError("boom")' });
  const { cause } = await refused(t, './a.mjs', dir);
  t.true(cause instanceof TypeError);
  t.regex((cause as Error).stack ?? '', /a\.mjs:2/);
});

test('refuses a server that listens already', async (t) => {
  const dir = release(t, { 'a.mjs': 'export default globalThis.listening' });
  const server = createServer().listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  Object.assign(globalThis, { listening: server });
  await new Promise((resolve) => server.once('listening', resolve));
  t.is((await refused(t, './a.mjs', dir)).message, 'cannot load ./a.mjs: its server listens already; export it without calling listen()');
});
