/** From the command line to a role: launcher, keeper or master. The only file that ends the process. */
import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { Daemon } from '../daemon/index.js';
import { EXIT, HoldfastError } from '../errors.js';
import { complain } from '../log/complain.js';
import { type Command, readCommand } from '../master/command.js';
import { helpText, readSettings, type Settings } from '../settings/index.js';
import { outliveTerminal } from '../sys/dead-terminal.js';
import { isOutOfDescriptors, NO_DESCRIPTORS } from '../sys/descriptor-limit.js';
import { explainMissingBinary, refuseOldNode, refuseUnknownPlatform } from '../sys/platform.js';
import { namedDescriptors } from './named-descriptors.js';
import type { deliverSignals } from './trap.js';

/** A stop by signal is status 0; anything that was not foreseen is a failure with its stack, for it is our fault. */
export async function run(deliver: typeof deliverSignals): Promise<void> {
  outliveTerminal();
  try {
    process.exit(await runRole(deliver));
  } catch (thrown) {
    const error = isOutOfDescriptors(thrown)
      ? new HoldfastError(`cannot start: ${NO_DESCRIPTORS}`, EXIT.failed, { cause: thrown })
      : thrown;
    complain(error);
    process.exit(statusOf(error));
  }
}

async function runRole(deliver: typeof deliverSignals): Promise<number> {
  const request = readSettings(process.argv.slice(2), process.env);
  if (request.kind !== 'run') return answer(request.kind);
  refuseUnknownPlatform();
  refuseOldNode();
  await checkBinds(request.settings);
  if (wantsBackground(request.settings)) return background(request.settings, deliver);
  const command = readCommand();
  if (blocksUsr1()) (await import('../sys/signal-mask.js').catch(explainMissingBinary)).unblock('SIGUSR1');
  if (wantsKeeper(request.settings)) return keeper(command, request.settings, deliver);
  return master(command, request.settings, deliver);
}

async function answer(question: 'help' | 'version'): Promise<number> {
  const { print } = await import('./print.js');
  print(question === 'help' ? helpText() : `holdfast ${version()} (node ${process.version})\n`);
  return EXIT.ok;
}

/** Whoever typed the addresses is told by the master. */
async function checkBinds({ bind, bindFrom }: Settings): Promise<void> {
  if (bindFrom === undefined) return;
  const { checkBinds: check } = await import('./check-binds.js').catch(explainMissingBinary);
  check(bind, bindFrom);
}

/** With this option (Node 22.14 on) USR1 stays blocked as it is at Node's start, and the order to reopen the logs would never arrive. */
function blocksUsr1(): boolean {
  return [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)].includes('--disable-sigusr1');
}

/** A re-exec is there already. */
function wantsBackground(settings: Settings): boolean {
  return settings.daemon && !isCandidate();
}

function isCandidate(): boolean {
  return process.env['HOLDFAST_HANDOVER'] !== undefined;
}

/** Where somebody relies on the first process, and not below a keeper or in the place of another master already. */
function wantsKeeper(settings: Settings): boolean {
  if (process.env['HOLDFAST_KEEPER'] !== undefined || isCandidate()) return false;
  // By number: process.stdin would be made, and begin to read, by being asked.
  return isWatched(settings) || [0, 1, 2].some((fd) => isatty(fd));
}

/** By a parent, or by the kernel: the end of process 1 is the end of its container. */
function isWatched({ keepPid }: Settings): boolean {
  return keepPid || process.pid === 1;
}

async function background(settings: Settings, deliver: typeof deliverSignals): Promise<number> {
  const { goBackground } = await import('./background.js');
  const here = await goBackground(settings, deliver);
  if (here.is === 'daemon') return master(readCommand(), settings, deliver, here);
  if (here.reason !== undefined) complain(new HoldfastError(here.reason));
  return here.exitStatus;
}

async function keeper(command: Command, settings: Settings, deliver: typeof deliverSignals): Promise<number> {
  const { keep } = await import('../keeper/keeper.js').catch(explainMissingBinary);
  const { signal, ended } = await keep({
    ...command,
    adopts: isWatched(settings),
    gracefulTimeout: settings.gracefulTimeout * 1000,
    named: namedDescriptors(settings),
  });
  process.title = 'holdfast: keeper';
  deliver(signal);
  return ended;
}

async function master(command: Command, settings: Settings, deliver: typeof deliverSignals, launcher?: Daemon): Promise<number> {
  try {
    // First of all, for to load a master takes as long as it takes their Node to start.
    const forerunners = isCandidate() ? (await import('../master/forerunners.js')).sendAhead(command, settings) : undefined;
    // Before its packages are loaded: looking for their files is what V8 finds hot.
    (await import('../sys/compiler.js')).optimiseNothing();
    const { startMaster } = await import('../master/start.js').catch(explainMissingBinary);
    return await startMaster(command, settings, version(), deliver, { launcher, forerunners });
  } catch (error) {
    // Its standard error is the launcher's still, and so the line needs nobody to pass it on.
    launcher?.failed(statusOf(error));
    throw error;
  }
}

function statusOf(error: unknown): number {
  return error instanceof HoldfastError ? error.exitStatus : EXIT.failed;
}

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string };
  return version;
}
