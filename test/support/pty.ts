// A terminal that controls nobody yet, so that the next session leader to open it would get it. pty(7), posix_openpt(3).
import { closeSync, constants } from 'node:fs';
import koffi from 'koffi';
import type { Test } from './temp.js';

const libc = koffi.load(null);
const openpt = libc.func('int posix_openpt(int flags)');
const grant = libc.func('int grantpt(int fd)');
const unlock = libc.func('int unlockpt(int fd)');
const name = libc.func('const char *ptsname(int fd)');

/** The path of its slave side; it is there until the teardown. */
export function freeTerminal(t: Test): string {
  const master = openpt(constants.O_RDWR | constants.O_NOCTTY) as number;
  if (master < 0 || grant(master) !== 0 || unlock(master) !== 0) throw new Error(`no terminal: errno ${koffi.errno()}`);
  t.teardown(() => closeSync(master));
  return name(master) as string;
}
