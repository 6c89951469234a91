/** The signals that the main thread does not get. */
import { constants } from 'node:os';
import { declare } from './libc.js';

const SIG_UNBLOCK = process.platform === 'darwin' ? 2 : 1;
/** No sigset_t is larger. */
const SET_SIZE = 128;

const sigemptyset = declare('int sigemptyset(uint8_t *set)');
const sigaddset = declare('int sigaddset(uint8_t *set, int signal)');
const pthreadSigmask = declare('int pthread_sigmask(int how, const uint8_t *set, void *old)');

/** Let a signal through, one that waits already included. pthread_sigmask(3). */
export function unblock(signal: NodeJS.Signals): void {
  const set = Buffer.alloc(SET_SIZE);
  sigemptyset(set);
  sigaddset(set, constants.signals[signal]);
  const errno = pthreadSigmask(SIG_UNBLOCK, set, null);
  if (errno !== 0) throw new Error(`pthread_sigmask: error ${errno}`);
}
