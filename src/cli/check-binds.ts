/** Addresses that stand in a variable (any role): who reads `cannot bind ...` would look for them on the command line. */
import { EXIT, HoldfastError, messageOf } from '../errors.js';
import { parseBind } from '../listeners/index.js';

/** Throws HoldfastError, exit 2. */
export function checkBinds(binds: readonly string[], from: string): void {
  for (const text of binds) {
    try {
      parseBind(text);
    } catch (cause) {
      throw new HoldfastError(`${messageOf(cause)} (it stands in ${from})`, EXIT.usage, { cause });
    }
  }
}
