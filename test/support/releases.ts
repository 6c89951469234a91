// A deploy directory as release tools make it: releases/1, releases/2 ... and a `current` symlink.
import { cpSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fixture, holdfastCommand } from './paths.js';
import { type Test, tempDir } from './temp.js';

const source = {
  throws: `throw new Error('this release throws at import');`,
  syntax: 'export default (req, res) => {{{ ;',
  exits: 'process.exit(7);',
  loops: 'for (;;);',
  rejects: `export default async () => { throw new Error('this release rejects'); };`,
  rejectsLater: `Promise.reject(new Error('nobody catches this')); export default (req, res) => res.end();`,
  listening: `import { createServer } from 'node:http';
export default createServer((req, res) => res.end()).on('listening', () => { throw new Error('this release cannot listen'); });`,
  number: 'export default 42;',
  nothing: 'export {};',
  probe: `export default (req, res) => { res.statusCode = req.url === '/health' ? 500 : 200; res.end('unhealthy'); };`,
} as const;

/** What can be wrong with a release. `probe` answers 500 on /health; `missing` has no app file; `deleted` has no directory. */
export type Fault = keyof typeof source | 'missing' | 'deleted';

export const faults = [...(Object.keys(source) as (keyof typeof source)[]), 'missing', 'deleted'] as const satisfies readonly Fault[];

/** The app's name in each release. */
const APP = 'server.js';

/** The name of the command of those that bring options. */
const START = 'start.js';

export class Releases {
  readonly root: string;
  /** The symlink: what an operator would cd into. */
  readonly current: string;
  /** The app as typed from inside `current`. */
  readonly app = `./${APP}`;
  #count = 0;

  /** Makes releases/1 to releases/COUNT, `full.js` each, and points `current` to the first. */
  constructor(t: Test, count = 1) {
    this.root = tempDir(t);
    this.current = join(this.root, 'current');
    for (let made = 0; made < count; made += 1) this.add();
    this.point(1);
  }

  dir(release: number): string {
    return join(this.root, 'releases', String(release));
  }

  /** A good release, answering `x-release: N`; with `code` an app of the test's own. Returns its number. */
  add(code?: string): number {
    const dir = this.#make();
    cpSync(fixture('full.js'), join(dir, 'full.js'));
    writeFileSync(join(dir, 'RELEASE'), String(this.#count));
    writeFileSync(join(dir, APP), code ?? `export { default } from './full.js';\n`);
    return this.#count;
  }

  /** A release that must never serve. Returns its number. */
  addBad(fault: Fault): number {
    const dir = this.#make();
    if (fault === 'deleted') rmSync(dir, { recursive: true });
    else if (fault !== 'missing') writeFileSync(join(dir, APP), source[fault]);
    return this.#count;
  }

  /** The command of a release that brings its own options: start Holdfast with it, and the next release may bring others. */
  get start(): string {
    return join(this.current, START);
  }

  /** Options that this release's command puts before those that were typed. */
  bring(release: number, options: readonly string[]): number {
    const code = `process.argv.splice(2, 0, ...${JSON.stringify(options)});\nawait import(${JSON.stringify(holdfastCommand)});\n`;
    writeFileSync(this.startOf(release), code);
    return release;
  }

  /** The file of its command. */
  startOf(release: number): string {
    return join(this.dir(release), START);
  }

  /** Switches `current` in one step, as deploy tools do: a new link renamed over the old one. */
  point(release: number): void {
    const next = `${this.current}.next`;
    symlinkSync(join('releases', String(release)), next);
    renameSync(next, this.current);
  }

  /** Deletes a release's directory. */
  remove(release: number): void {
    rmSync(this.dir(release), { recursive: true });
  }

  #make(): string {
    this.#count += 1;
    const dir = this.dir(this.#count);
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'package.json'), '{ "type": "module" }');
    return dir;
  }
}
