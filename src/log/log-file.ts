/** Opening a log file (any role). */
import { constants, openSync } from 'node:fs';
import { EXIT, HoldfastError } from '../errors.js';
import { reasonOf } from './reason.js';

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
export function openLogFile(path: string, flag = '--log-file'): number {
  try {
    return openSync(path, FLAGS, MODE);
  } catch (cause) {
    throw new HoldfastError(`cannot open the log file ${path}: ${reason(cause as NodeJS.ErrnoException)} (see ${flag})`, EXIT.failed, {
      cause,
    });
  }
}

function reason(error: NodeJS.ErrnoException): string {
  return PLAIN[error.code ?? ''] ?? reasonOf(error);
}
