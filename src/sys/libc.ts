/**
 * The C library, for the modules beside this one: what Node offers no way to do. Their functions throw what Node's own would, an Error with
 * `code`, `errno` and `syscall`.
 */
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

const libc = koffi.load(null);

/** A function by its prototype, looked up when it is called first: no process needs them all, and a master's start is measured. */
export function declare<Result = number>(prototype: string): (...args: readonly unknown[]) => Result {
  let call: ((...args: readonly unknown[]) => Result) | undefined;
  return (...args) => {
    call ??= libc.func(prototype);
    return call(...args);
  };
}

/** What a call returned, unless it failed. Throws as described above. */
export function check(result: number, syscall: string): number {
  if (result >= 0) return result;
  const errno = koffi.errno();
  const code = getSystemErrorName(-errno);
  throw Object.assign(new Error(`${syscall}: ${code}`), { code, errno, syscall });
}
