/** The systems that Holdfast knows, and what one of them lacks. No call, and no native module: this is asked before anything else is loaded. */
import { EXIT, HoldfastError, messageOf } from '../errors.js';

/** Throws HoldfastError where the numbers and structures of sys/ are not the system's. */
export function refuseUnknownPlatform(platform: string = process.platform): void {
  if (platform === 'linux' || platform === 'darwin') return;
  throw new HoldfastError(
    `cannot run on ${platform}: only the system calls of Linux and macOS are known (run it there, or in a Linux container)`,
  );
}

/** The oldest that the tests are run under; package.json says it to who installs. */
const OLDEST_NODE = [20, 19] as const;

/**
 * Throws HoldfastError where Node is older: what V8 or a package lacks would be found by whoever happens to need it. A candidate's incumbent goes on.
 * @param version 20.19.0
 */
export function refuseOldNode(version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldest, itsMinor] = OLDEST_NODE;
  if (major > oldest || (major === oldest && minor >= itsMinor)) return;
  throw new HoldfastError(
    `cannot run on Node ${version}: ${OLDEST_NODE.join('.')} or later is needed (\`node\` may lead to another one than you think)`,
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
