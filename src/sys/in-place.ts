/** Descriptors that a child is to have under the numbers that they have here (launcher, keeper). Pure. */

/** The first number beyond the standard streams. */
export const FIRST = 3;

/** What a `stdio` of spawn has from FIRST up to, and without, `end`. */
export function inPlace(fds: readonly number[], end: number): (number | 'ignore')[] {
  return Array.from({ length: end - FIRST }, (_, at) => (fds.includes(FIRST + at) ? FIRST + at : 'ignore'));
}
