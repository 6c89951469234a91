/** What those who act for a master that is not in charge yet may ask of its loop (master). Pure. */
import type { CandidacyEvent, Stop } from '../upgrade/candidacy.js';
import type { Departure } from './departure.js';

export interface CandidateTurns {
  post(event: CandidacyEvent): void;
  /** Do it in a turn of its own. */
  later(act: () => void): void;
  refuse(why: string): void;
  /** It is in charge; orders may have waited for that. */
  takenCharge(stop: Stop, reload: boolean): void;
  /** It leaves when its workers are gone. */
  giveUp(departure: Departure): void;
}
