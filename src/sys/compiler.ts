/** What V8 does for those that compute, in a process that does not. */
import { setFlagsFromString } from 'node:v8';

/**
 * Optimise no function from here on, however often it is called. The first one that V8 optimises makes 4 MiB of its compiler resident (Node 20; 9 in Node
 * 26), and a master is to be small for months. v8.setFlagsFromString; a flag that this V8 does not have changes nothing.
 *
 * Not before Node's own modules are loaded: the code that Node keeps of them is for the flags of its start, and those after this are compiled anew.
 */
export function optimiseNothing(): void {
  setFlagsFromString('--no-opt');
  setFlagsFromString('--no-maglev');
}
