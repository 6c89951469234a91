/** What an operator reads where the system says an errno. Pure. */
import { getSystemErrorMap } from 'node:util';

/** `no space left on device`. */
export function reasonOf({ errno = 0, message }: NodeJS.ErrnoException): string {
  return getSystemErrorMap().get(errno)?.[1] ?? message;
}
