// What a test proves at its tenth upgrade it has all but proved at its fourth: every run has a few, and `npm run test:heavy` has many. It finds
// its tests by their titles.
import test, { type ExecutionContext } from 'ava';

const heavy = process.env['HOLDFAST_HEAVY'] !== undefined;

/** How often, or for how long: `few` in every run, `many` in the heavy one. The test's title wants to be `heavily` one. */
export function rounds(few: number, many: number): number {
  return heavy ? many : few;
}

/** The title of a test that is another one in the heavy run. */
export function heavily(title: string): string {
  return heavy ? `${title} (heavy)` : title;
}

/** A test that does little but wait for a limit that nobody can shorten: in the heavy run alone. */
export function heavyTest(title: string, body: (t: ExecutionContext) => Promise<void>): void {
  if (heavy) test(heavily(title), body);
}
