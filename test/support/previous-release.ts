/**
 * The release before this one, whole, as it was: what upgrades have to get along with in both directions. `previous-release.tar.gz` is its
 * `npm pack` without documentation and types; the packages that it needs are ours. Until there is a release it is the first state of format 1,
 * and then each release replaces it by itself, built: tar -czf with `package/` and in it bin, dist without *.d.ts, package.json and LICENSE.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fixture, packageRoot } from './paths.js';
import { type Test, tempDir } from './temp.js';

/** Which Holdfast. */
export type Which = 'previous' | 'this';

/** Both releases, and a link to one of them, through which the command goes. */
export class TwoReleases {
  readonly root: string;
  /** As typed; where it leads changes. */
  readonly command: string;
  readonly #link: string;

  constructor(t: Test, first: Which) {
    this.root = tempDir(t);
    this.#link = join(this.root, 'holdfast');
    this.command = join(this.#link, 'bin/holdfast.js');
    mkdirSync(join(this.root, 'previous'));
    execFileSync('tar', ['-xzf', fixture('previous-release.tar.gz'), '--strip-components=1', '-C', join(this.root, 'previous')]);
    symlinkSync(join(packageRoot, 'node_modules'), join(this.root, 'node_modules'));
    this.point(first);
  }

  /** The next generation is this one. */
  point(to: Which): void {
    this.pointAt(to === 'this' ? packageRoot : join(this.root, 'previous'));
  }

  /** Or whatever has a `bin/holdfast.js`. */
  pointAt(directory: string): void {
    symlinkSync(directory, `${this.#link}.next`);
    renameSync(`${this.#link}.next`, this.#link);
  }
}

/** An app for a release of a deploy directory; it answers `x-holdfast: previous` or `this`, for whoever's worker it runs in. */
export const tellsHoldfast = `
  import full from './full.js';
  const which = process.argv[1].includes('/previous/') ? 'previous' : 'this';
  export default (req, res) => {
    res.setHeader('x-holdfast', which);
    full(req, res);
  };
`;
