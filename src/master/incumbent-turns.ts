/** What those who act for an incumbent, or a retiree, may ask of the master's loop (master). Pure. */
import type { IncumbencyEvent } from '../upgrade/incumbency.js';

export interface IncumbentTurns {
  post(event: IncumbencyEvent): void;
  refuse(why: string): void;
  /** Another generation wants the logs reopened. */
  reopen(): void;
  leave(): void;
}
