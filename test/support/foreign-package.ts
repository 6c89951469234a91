// A package of somebody else's that has Holdfast among its dependencies: its scripts are written in TypeScript and see the published entrances alone.
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { holdfastCommand } from './paths.js';

const root = dirname(dirname(holdfastCommand));
const compiler = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));
const strictly = ['--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node', '--noUncheckedIndexedAccess'];

export interface ForeignPackage {
  /** The path of the script as it can be run. */
  script(name: string): string;
  remove(): void;
}

/** Compiles the scripts by name, and fails where their types do not fit. All at once, for the compiler takes its time. */
export async function foreignPackage(scripts: Readonly<Record<string, string>>): Promise<ForeignPackage> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-test-')));
  chmodSync(dir, 0o755);
  mkdirSync(join(dir, 'node_modules'));
  symlinkSync(root, join(dir, 'node_modules', 'holdfast'));
  symlinkSync(join(root, 'node_modules', '@types'), join(dir, 'node_modules', '@types'));
  writeFileSync(join(dir, 'package.json'), '{ "name": "somebody-elses", "type": "module" }');
  for (const [name, code] of Object.entries(scripts)) writeFileSync(join(dir, `${name}.ts`), code);
  try {
    const files = Object.keys(scripts).map((name) => `${name}.ts`);
    await promisify(execFile)(process.execPath, [compiler, ...strictly, ...files], { cwd: dir });
  } catch (error) {
    throw new Error(`it does not compile:\n${(error as { stdout?: string }).stdout}`, { cause: error });
  }
  return { script: (name) => join(dir, `${name}.js`), remove: () => rmSync(dir, { recursive: true }) };
}
