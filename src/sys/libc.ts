/**
 * The C library, for the modules beside this one: what Node offers no way to do. Their functions throw what Node's own would, an Error with
 * `code`, `errno` and `syscall`. Nobody else imports the package: a start is measurably slower for each that does.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { getSystemErrorName } from 'node:util';
import type Koffi from 'koffi';

const koffi = byFile(createRequire(import.meta.url));
const libc = koffi.load(null);

/** Bytes. */
export const POINTER_SIZE = koffi.sizeof('void *');

/** A function by its prototype, looked up when it is called first: no process needs them all, and a master's start is measured. */
export function declare<Result = number>(prototype: string): (...args: readonly unknown[]) => Result {
  let call: ((...args: readonly unknown[]) => Result) | undefined;
  return (...args) => {
    call ??= libc.func(prototype);
    return call(...args);
  };
}

/** Why the last call failed: `EACCES`. errno(3) */
export function errorName(): string {
  return getSystemErrorName(-koffi.errno());
}

/** What a call returned, unless it failed. Throws as described above. */
export function check(result: number, syscall: string): number {
  if (result >= 0) return result;
  const errno = koffi.errno();
  const code = errorName();
  throw Object.assign(new Error(`${syscall}: ${code}`), { code, errno, syscall });
}

/** What a pointer that a call returned leads to: a number that stands so many bytes behind its beginning. */
export function numberAt(pointer: unknown, offset: number): number {
  return Number(koffi.decode(pointer, offset, 'uint32_t'));
}

/** And a structure, by the names and types of its members. */
export function structAt<Members>(pointer: unknown, members: Readonly<Record<keyof Members, string>>): Members {
  return koffi.decode(pointer, koffi.struct(members)) as Members;
}

/** To look a package up that has `exports`, Node loads its resolver of ES modules first, which takes a quarter as long again as the package itself. */
function byFile(require: NodeJS.Require): typeof Koffi {
  const files = require.resolve.paths('koffi')?.map((folder) => join(folder, 'koffi', 'index.cjs'));
  return require(files?.find(existsSync) ?? 'koffi');
}
