/** In the worker, when the app does not parse: where. What it takes to find out is loaded only then. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Walks the relative imports, executing nothing. The error is left uncaught: Node prints the position only then. */
const WALK = `
const { SourceTextModule } = require('node:vm');
const { readFileSync } = require('node:fs');
const urls = new Set([process.argv[1]]);
for (const url of urls) {
  let source = '';
  try { source = readFileSync(new URL(url), 'utf8'); } catch {}
  const { dependencySpecifiers } = new SourceTextModule(source, { identifier: url });
  for (const specifier of dependencySpecifiers) if (/^(\\.{0,2}\\/|file:)/.test(specifier)) urls.add(new URL(specifier, url).href);
}`;

/**
 * `FILE:LINE` of a syntax error. CommonJS carries it at the head of the stack; of an ES module Node keeps it to itself until the error
 * kills the process, so a second process parses the module and its imports once more.
 *
 * @param url of the module that was to be imported
 */
export function syntaxPosition(error: SyntaxError, url: string): string | undefined {
  const position = positionAtHead(error.stack ?? '');
  if (position !== undefined) return position;
  const printed = walk(url);
  // A CommonJS file may not parse as a module: that is another error, and none of the app's.
  return printed.includes(`\nSyntaxError: ${error.message}\n`) ? positionAtHead(printed) : undefined;
}

function walk(url: string): string {
  const { spawnSync } = createRequire(import.meta.url)('node:child_process') as typeof import('node:child_process');
  const args = ['--experimental-vm-modules', '--no-warnings', '-e', WALK, url];
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 5000, stdio: ['ignore', 'ignore', 'pipe'], env: {} }).stderr ?? '';
}

function positionAtHead(text: string): string | undefined {
  const [, file, line] = /^(\/.*|file:\/\/.*):(\d+)\n/.exec(text) ?? [];
  if (file === undefined) return undefined;
  return `${file.startsWith('file:') ? fileURLToPath(file) : file}:${line}`;
}
