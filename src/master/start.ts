/** From a command line, and what the master before left in the environment, to a running master (master). */
import { closeSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { createLease, createSuccession } from '../channel/lease.js';
import type { Daemon } from '../daemon/index.js';
import { EXIT, HoldfastError, messageOf, printable } from '../errors.js';
import { checkAccessLog } from '../log/access-log.js';
import { type Log, openLog } from '../log/log.js';
import type { Opener } from '../log/log-file.js';
import { STDERR, streamOf } from '../log/streams.js';
import type { Settings } from '../settings/index.js';
import { duplicateOnto, pointStreamsAt } from '../sys/descriptors.js';
import { isInForeground } from '../sys/foreground.js';
import { missingOn } from '../sys/platform.js';
import { isConnected } from '../sys/sockets.js';
import type { Command } from './command.js';
import type { Forerunners } from './forerunners.js';
import { takeHandedOver } from './handed.js';
import { meetPredecessor, numberIn } from './handover.js';
import { KeeperLink } from './keeper-link.js';
import { Master } from './master.js';
import type { Origin } from './origin.js';
import type { MasterSignal } from './signals.js';

/** What there was before this master, for a daemon and for a candidate. */
export interface Beginning {
  readonly launcher?: Daemon | undefined;
  readonly forerunners?: Forerunners | undefined;
}

/** Resolves with the exit status when this generation has left. Throws HoldfastError before it has begun. */
export async function startMaster(
  read: Command,
  asked: Settings,
  version: string,
  deliver: (listener: (signal: MasterSignal) => void) => void,
  { launcher, forerunners }: Beginning,
): Promise<number> {
  const { command: found, handed } = takeHandedOver(read);
  refuseUndecided(asked, found.env);
  const before = handed.HOLDFAST_HANDOVER === undefined ? undefined : await meetPredecessor(handed, version);
  const command = { ...found, directory: before?.directory ?? found.directory };
  const base = before?.base ?? process.cwd();
  const settings = resolvePaths(asked, base);
  // Before any file is made; workers and the next generation inherit it.
  if (settings.umask !== undefined) process.umask(settings.umask);
  const privileges = await ifPrivileged(settings);
  const identity = privileges?.workersIdentity(settings);
  const generation = before?.generation ?? 1;
  const name = settings.name ?? nameOf(settings.app);
  const toStderr = streamOf(settings.logFile) === STDERR;
  if (before !== undefined && toStderr) takeStderr(before.stderr);
  const opener = privileges?.logOpener(identity);
  const log = openLogs(settings, generation, name, opener);
  if (before !== undefined && !toStderr) takeStderr(before.stderr);
  launcher?.detach();
  if (settings.daemon) log.follow(pointStreamsAt);
  const missing = missingOn();
  if (missing !== undefined) log.warning(null, missing);
  process.title = `holdfast: master [${printable(name)}] gen ${generation}`;
  return new Promise((departed) => {
    let master: Master | undefined;
    const keeper = linkToKeeper(before?.keeper ?? numberIn(handed.HOLDFAST_KEEPER), () => master?.keeperLost());
    const origin: Origin = {
      command,
      settings,
      identity,
      base,
      generation,
      log,
      name,
      lease: before?.lease ?? createLease(),
      succession: before?.succession ?? createSuccession(),
      keeper,
      launcher,
      forerunners,
      warn: () => privileges?.warnOfOthers(command, settings, identity, log),
      giveAccessLog: () => giveAccessLog(settings, log, opener),
      before: before?.origin,
    };
    master = new Master(origin, departed);
    master.start();
    deliver((signal) => {
      // Between other programs of a foreground no stream need be the terminal, and so there may be no keeper.
      if (signal === 'SIGWINCH' && isInForeground()) log.debug(null, "got SIGWINCH: the terminal's size changed, and nobody drains");
      else master?.signal(signal);
    });
  });
}

/** sd_notify(3): systemd follows the main process from one to the next, but not two for hours. */
function refuseUndecided({ upgrade }: Settings, env: NodeJS.ProcessEnv): void {
  if (upgrade === 'auto' || env['NOTIFY_SOCKET'] === undefined) return;
  throw new HoldfastError(
    'cannot use --upgrade manual: systemd supervises (NOTIFY_SOCKET is set), and it cannot follow two masters (use --upgrade auto)',
    EXIT.usage,
  );
}

/** For who is root, or wants workers that are somebody else; the others need not wait until it is loaded. */
async function ifPrivileged({ user, group }: Settings) {
  if (process.geteuid?.() !== 0 && user === undefined && group === undefined) return undefined;
  return import('./identity.js');
}

/** The access log is the workers' to write; that it can be written is seen here, and said at once. */
function openLogs(settings: Settings, gen: number, name: string, opener?: Opener): Log {
  const { logFile: file, logLevel: level, syslog, accessLogfile } = settings;
  if (accessLogfile !== undefined) checkAccessLog(accessLogfile, opener);
  const given = { ...(syslog === undefined ? {} : { syslog }), ...(opener === undefined ? {} : { opener }) };
  return openLog({ file, level, role: 'master', gen, pid: process.pid, name, ...given });
}

/** After a rotation there is none, or one of root's, as at the start; workers that dropped cannot help themselves in root's directory. */
function giveAccessLog({ accessLogfile }: Settings, log: Log, opener: Opener | undefined): void {
  if (accessLogfile === undefined || opener === undefined) return;
  try {
    checkAccessLog(accessLogfile, opener);
  } catch (error) {
    log.warning(null, messageOf(error));
  }
}

/** `./server.js#app` is `server`. */
function nameOf(app: string): string {
  return basename(app.split('#')[0] ?? '').replace(/\.[cm]?[jt]s$/, '');
}

function takeStderr(fd: number): void {
  duplicateOnto(fd, STDERR);
  closeSync(fd);
}

function linkToKeeper(fd: number | undefined, lost: () => void): KeeperLink | undefined {
  return fd === undefined || !isConnected(fd) ? undefined : new KeeperLink(fd, lost);
}

function resolvePaths(settings: Settings, base: string): Settings {
  return {
    ...settings,
    logFile: settings.daemon && streamOf(settings.logFile) !== undefined ? '-' : logPath(settings.logFile, base),
    ...(settings.accessLogfile === undefined ? {} : { accessLogfile: logPath(settings.accessLogfile, base) }),
    ...(settings.pid === undefined ? {} : { pid: resolve(base, settings.pid) }),
  };
}

function logPath(file: string, base: string): string {
  return file === '-' ? file : resolve(base, file);
}
