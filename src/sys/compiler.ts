/** What V8 does for those that compute, in a process that does not. */
import { setFlagsFromString } from 'node:v8';

/**
 * Optimise no function from here on, however often it is called. The first one that V8 optimises makes 4 MiB of its compiler resident (9 in Node 26), and a
 * master is to be small for months. To be called before packages are loaded: the longer their path, the sooner the functions of node:path are hot.
 * v8.setFlagsFromString; a flag that this V8 does not have changes nothing.
 */
export function optimiseNothing(): void {
  setFlagsFromString('--no-opt');
  setFlagsFromString('--no-maglev');
}
