// An upgrade that stands still where a test wants to do something to it.
import { existsSync } from 'node:fs';
import type { ExecutionContext } from 'ava';
import type { Holdfast } from './holdfast.js';
import type { Releases } from './releases.js';
import { freeze, thaw } from './signals.js';
import { addSlow, type SlowRelease } from './slow-release.js';
import { waitFor } from './wait.js';

/** On a busy machine a candidate may need longer than a short `--upgrade-timeout`. */
const TRIES = 5;

export interface Held {
  readonly incumbent: number;
  readonly candidate: number;
}

/** The candidate's workers, two if not given, load, until `slow.open()`. `app`: what they serve then, `full.js` if not given. */
export async function holdLoading(
  holdfast: Holdfast,
  releases: Releases,
  workers = 2,
  app?: string,
): Promise<Held & { readonly slow: SlowRelease }> {
  const incumbent = holdfast.pid();
  const slow = addSlow(releases, app);
  releases.point(slow.release);
  for (let tries = 1; !(await loads(holdfast, workers)); tries += 1)
    if (tries === TRIES) throw new Error(`no candidate that loads in ${TRIES} tries`);
  return { incumbent, slow, candidate: holdfast.pidIn('.2') };
}

/** False when it took longer than a short `--upgrade-timeout`. */
async function loads(holdfast: Holdfast, workers: number): Promise<boolean> {
  const after = holdfast.log.length;
  holdfast.signal('SIGUSR2');
  const { gen } = await holdfast.event('master.start', undefined, { after });
  const late = () => holdfast.log.slice(after).some(({ reason }) => /--upgrade-timeout$/.test(reason ?? ''));
  const there = () => existsSync(`${holdfast.pidfile}.2`) && holdfast.workers(Number(gen)).length === workers;
  return (await waitFor(() => (late() && 'late') || (there() && 'there'), 20_000, 'a candidate that loads')) === 'there';
}

/** The candidate is ready, and the incumbent is stopped and cannot say commit. */
export async function holdReady(t: ExecutionContext, holdfast: Holdfast, releases: Releases, workers = 2, app?: string): Promise<Held> {
  const { incumbent, slow, candidate } = await holdLoading(holdfast, releases, workers, app);
  await freeze(t, incumbent);
  slow.open();
  await holdfast.event('upgrade.ready', (line) => line.pid === candidate);
  return { incumbent, candidate };
}

/** The incumbent has said commit, and the candidate is stopped and has not read it. */
export async function holdCommitted(t: ExecutionContext, holdfast: Holdfast, releases: Releases, workers = 2): Promise<Held> {
  const held = await holdReady(t, holdfast, releases, workers);
  await freeze(t, held.candidate);
  const after = holdfast.log.length;
  thaw(held.incumbent);
  await holdfast.event('upgrade.commit', undefined, { after });
  return held;
}
