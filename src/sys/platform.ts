/** The systems that Holdfast knows, and what one of them lacks. No call, and no native module: this is asked before anything else is loaded. */
import { EXIT, HoldfastError, messageOf } from '../errors.js';

/** Throws HoldfastError where the numbers and structures of sys/ are not the system's. */
export function refuseUnknownPlatform(platform: string = process.platform): void {
  if (platform === 'linux' || platform === 'darwin') return;
  throw new HoldfastError(
    `cannot run on ${platform}: only the system calls of Linux and macOS are known (run it there, or in a Linux container)`,
  );
}

/** What an operator is told at the start, if there is something to tell. */
export function missingOn(platform: string = process.platform): string | undefined {
  if (platform !== 'darwin') return undefined;
  return 'macOS is for development: nobody is named who holds a port, abstract sockets are refused, and nothing here was tested under load';
}

/** The native module comes as an optional package of each platform, and an install may have left ours out. */
export function explainMissingBinary(error: unknown): never {
  if (!/native koffi/i.test(messageOf(error))) throw error;
  throw new HoldfastError(
    `cannot start: the package koffi is without its binary for ${process.platform}-${process.arch} (npm install again, here, with optional packages)`,
    EXIT.failed,
    { cause: error },
  );
}
