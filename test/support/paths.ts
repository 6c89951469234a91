import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);

/** The absolute path of `test/fixtures/NAME`; fixtures are plain JavaScript and run from the source tree. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`test/fixtures/${name}`, root));
}

/** The directory of package.json. */
export const packageRoot = fileURLToPath(root);

/** The absolute path of `docs/NAME`. */
export function documentation(name: string): string {
  return fileURLToPath(new URL(`docs/${name}`, root));
}

/** The command that is under test. */
export const holdfastCommand = fileURLToPath(new URL('bin/holdfast.js', root));
