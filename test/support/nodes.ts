// The other Node versions, and a link to one of them as deploy tools switch it. `npm run test:versions` brings them and says where they are.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { type Test, tempDir } from './temp.js';

/** The directories of `node`, in order of version. Empty without HOLDFAST_NODES. */
export const nodes: readonly string[] = (process.env['HOLDFAST_NODES'] ?? '').split(delimiter).filter(Boolean);

/** 22.23.3 */
export function versionOf(node: string): string {
  return execFileSync(join(node, 'node'), ['--version'], { encoding: 'utf8' }).trim().slice(1);
}

export class CurrentNode {
  /** The directory of `node`. */
  readonly link: string;
  /** Where commands are found: there first. */
  readonly path: string;

  constructor(t: Test, first: string) {
    const root = tempDir(t);
    mkdirSync(join(root, 'current-node'));
    this.link = join(root, 'current-node/bin');
    this.path = [this.link, process.env['PATH']].join(delimiter);
    this.point(first);
  }

  point(to: string): void {
    symlinkSync(to, `${this.link}.next`);
    renameSync(`${this.link}.next`, this.link);
  }
}

/** The directory of the program that a process runs. */
export function nodeOf(pid: number): string {
  return dirname(readlinkSync(`/proc/${pid}/exe`));
}
