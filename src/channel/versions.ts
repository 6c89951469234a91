/** Whether this release and another understand each other, and what to do when they do not. Pure. */
import { HANDOVER_VERSION, SPOKEN } from './master-messages.js';

const REMEDY = 'upgrade through a release that knows both';

/** Why nothing can be said between this release and a `peer` that speaks messages of versions `min` to `max`; undefined when something can. */
export function misunderstanding(peer: string, { min, max }: { readonly min: number; readonly max: number }): string | undefined {
  if (min <= SPOKEN.max && max >= SPOKEN.min) return undefined;
  return `${peer} speaks ${span(min, max)} of the upgrade's messages, this release ${span(SPOKEN.min, SPOKEN.max)} (${REMEDY})`;
}

/** The same about the number in HOLDFAST_HANDOVER; also undefined when it is no number, and so no release's. */
export function unknownFormat(number: string): string | undefined {
  if (number === String(HANDOVER_VERSION) || !/^[1-9]\d{0,8}$/.test(number)) return undefined;
  return `the master before hands over in format ${number}, this release knows format ${HANDOVER_VERSION} (${REMEDY})`;
}

function span(min: number, max: number): string {
  return min === max ? `version ${min}` : `versions ${min} to ${max}`;
}
