import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);

/** A file of test/bench/apps; those are no TypeScript and run from the source tree. */
export function benchApp(name: string): string {
  return fileURLToPath(new URL(`test/bench/apps/${name}`, root));
}

/** A path from the project's top. */
export function fromTop(path: string): string {
  return fileURLToPath(new URL(path, root));
}
