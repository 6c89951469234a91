/** Whether a terminal means us by its signals (master). */
import { closeSync, openSync } from 'node:fs';
import { declare } from './libc.js';

const c = { tcgetpgrp: declare('int tcgetpgrp(int fd)'), getpgid: declare('int getpgid(int pid)') };

/** Our process group is the foreground of our session's terminal, whatever our streams are. False where there is none. tty(4), tcgetpgrp(3). */
export function isInForeground(): boolean {
  try {
    const terminal = openSync('/dev/tty', 'r');
    try {
      return c.tcgetpgrp(terminal) === c.getpgid(0);
    } finally {
      closeSync(terminal);
    }
  } catch {
    return false;
  }
}
