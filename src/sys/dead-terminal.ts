/**
 * The end of a process whose terminal has hung up (any role). Node sets its terminal back as it was, and aborts when that fails, dumping core;
 * what is another file by then it leaves alone. node.cc, ResetStdio.
 */
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { isatty } from 'node:tty';

/** Call it while the terminal is there. */
export function outliveTerminal(): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  if (terminals.length > 0) process.on('exit', () => terminals.filter((fd) => !isatty(fd)).forEach(replace));
}

function replace(fd: number): void {
  try {
    closeSync(fd);
    // The lowest number that is free. open(2).
    openSync(devNull, 'r+');
  } catch {
    // It is closed already, or stays closed, which will do as well.
  }
}
