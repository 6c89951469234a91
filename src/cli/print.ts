/** What --help and --version write to the standard output (any role). */
import { writeSync } from 'node:fs';
import { EXIT, HoldfastError } from '../errors.js';
import { reasonOf } from '../log/reason.js';
import { STDOUT } from '../log/streams.js';

/** Milliseconds; somebody has made the pipe one that does not block, and its reader takes its time. */
const RETRY_AFTER = 10;

/**
 * All of it, or an error: a script that keeps it must not keep half of it. Not process.stdout, which fails when nobody waits for it any more.
 *
 * @throws HoldfastError, exit 1: no space. write(2)
 */
export function print(text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    const written = attempt(rest);
    if (written === 'gone') return;
    if (written === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_AFTER);
    rest = rest.subarray(written);
  }
}

/** Bytes; `gone` when the reader has had enough, as `head` has. */
function attempt(bytes: Buffer): number | 'gone' {
  try {
    return writeSync(STDOUT, bytes);
  } catch (thrown) {
    const error = thrown as NodeJS.ErrnoException;
    if (error.code === 'EPIPE') return 'gone';
    if (error.code === 'EAGAIN') return 0;
    throw new HoldfastError(`cannot write to the standard output: ${reasonOf(error)}`, EXIT.failed, { cause: error });
  }
}
