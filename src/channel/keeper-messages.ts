/** What masters tell the keeper, all through one socket: who is in charge, and with which status the last one ended. Pure. */
import type { Shapes } from './shape.js';

export type ToKeeper =
  /** Its signal handlers are there. */
  | { readonly type: 'here' }
  | { readonly type: 'charge'; readonly pid: number; readonly generation: number }
  /** Earlier releases leave the pid out. */
  | { readonly type: 'exit'; readonly status: number; readonly pid?: number };

export const TO_KEEPER: Shapes = { here: {}, charge: { pid: 'number', generation: 'number' }, exit: { status: 'number' } };
