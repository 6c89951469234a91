/** Opening a log file (any role). */
import { constants, openSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { EXIT, HoldfastError } from '../errors.js';

// Not blocking, so that a FIFO which nobody reads is an error and not a standstill; no terminal becomes ours by being written to.
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY;
const MODE = 0o640;

const PLAIN: Readonly<Record<string, string>> = {
  ENOENT: 'its directory does not exist',
  ENOTDIR: 'what should be its directory is none',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ENXIO: 'it is a FIFO that nobody reads, or a socket',
};

/** A descriptor that appends to it. The mode is 0640 less the umask. Throws HoldfastError, exit 1. open(2). */
export function openLogFile(path: string): number {
  try {
    return openSync(path, FLAGS, MODE);
  } catch (cause) {
    throw new HoldfastError(`cannot open the log file ${path}: ${reason(cause as NodeJS.ErrnoException)} (see --log-file)`, EXIT.failed, {
      cause,
    });
  }
}

function reason({ code = '', errno = 0, message }: NodeJS.ErrnoException): string {
  return PLAIN[code] ?? getSystemErrorMap().get(errno)?.[1] ?? message;
}
