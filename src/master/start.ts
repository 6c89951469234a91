/** From a command line, and what the master before left in the environment, to a running master (master). */
import { closeSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { createLease, createSuccession } from '../channel/lease.js';
import { CANDIDATE_FDS, HANDOVER_VERSION, SPOKEN } from '../channel/master-messages.js';
import { misunderstanding, unknownFormat } from '../channel/versions.js';
import type { Daemon } from '../daemon/index.js';
import { EXIT, HoldfastError, messageOf } from '../errors.js';
import { decodeListeners, inheritListener, type Listener } from '../listeners/index.js';
import { checkAccessLog } from '../log/access-log.js';
import { openLog } from '../log/log.js';
import type { Settings } from '../settings/index.js';
import { duplicateOnto, isConnected, newGroup, pointStreamsAt, setCloseOnExec } from '../sys/libc.js';
import { missingOn } from '../sys/platform.js';
import type { Command } from './command.js';
import type { Forerunners } from './forerunners.js';
import { type Handed, takeHandedOver } from './handed.js';
import { KeeperLink } from './keeper-link.js';
import { Master } from './master.js';
import type { Origin } from './origin.js';
import { Predecessor } from './predecessor.js';
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
  const { command, handed } = takeHandedOver(read);
  refuseUndecided(asked, command.env);
  const before = handed.HOLDFAST_HANDOVER === undefined ? undefined : await meetPredecessor(handed, version);
  const base = before?.base ?? process.cwd();
  const settings = resolvePaths(asked, base);
  // Before any file is made; workers and the next generation inherit it.
  if (settings.umask !== undefined) process.umask(settings.umask);
  const privileges = await ifPrivileged(settings);
  const identity = privileges?.workersIdentity(settings);
  const generation = before?.generation ?? 1;
  const name = settings.name ?? basename(settings.app.split('#')[0] ?? '').replace(/\.[cm]?[jt]s$/, '');
  const { logFile: file, logLevel: level, syslog, accessLogfile } = settings;
  const log = openLog({
    file,
    level,
    ...(syslog === undefined ? {} : { syslog }),
    role: 'master',
    gen: generation,
    pid: process.pid,
    name,
    ...privileges?.logOpener(identity),
  });
  if (accessLogfile !== undefined) checkAccessLog(accessLogfile, privileges?.logOpener(identity).opener);
  if (before !== undefined) takeStderr(before.stderr);
  launcher?.detach();
  if (settings.daemon) log.follow(pointStreamsAt);
  const missing = missingOn();
  if (missing !== undefined) log.warning(null, missing);
  process.title = `holdfast: master [${name}] gen ${generation}`;
  return new Promise((departed) => {
    let master: Master | undefined;
    const keeperFd = before?.keeper ?? asDescriptor(handed.HOLDFAST_KEEPER);
    const keeper = keeperFd === undefined || !isConnected(keeperFd) ? undefined : new KeeperLink(keeperFd, () => master?.keeperLost());
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
      before: before?.origin,
    };
    master = new Master(origin, departed);
    master.start();
    deliver((signal) => master?.signal(signal));
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

interface Before {
  readonly generation: number;
  readonly base: string;
  readonly lease: { readonly reading: number; readonly writing: number };
  readonly succession: number;
  readonly keeper: number | undefined;
  /** The operator's: descriptor 2 is a file that the incumbent reads until we have a log. */
  readonly stderr: number;
  readonly origin: NonNullable<Origin['before']>;
}

/** The descriptors as CANDIDATE_FDS has them, each checked before it is used: a hand-over may be forged. */
async function meetPredecessor(handed: Handed, version: string): Promise<Before> {
  const format = handed.HOLDFAST_HANDOVER ?? '';
  refuseFor(unknownFormat(format));
  if (format !== String(HANDOVER_VERSION)) throw malformed(`HOLDFAST_HANDOVER is ${JSON.stringify(format.slice(0, 60))}`);
  const pid = asDescriptor(handed.HOLDFAST_PREDECESSOR);
  if (pid === undefined) throw malformed('HOLDFAST_PREDECESSOR is no pid');
  const entries = decodeListeners(handed.HOLDFAST_FDS ?? '');
  const at = (position: number) => 3 + entries.length + position;
  const lease = { reading: at(CANDIDATE_FDS.leaseReading), writing: at(CANDIDATE_FDS.leaseWriting) };
  const fds = {
    channel: at(CANDIDATE_FDS.channel),
    lease: at(CANDIDATE_FDS.incumbentLease),
    succession: at(CANDIDATE_FDS.incumbentSuccession),
  };
  const succession = at(CANDIDATE_FDS.succession);
  const stderr = at(CANDIDATE_FDS.stderr);
  // Or it is one of Node's own, and to read from that does harm.
  if (!isConnected(fds.channel)) throw malformed(`descriptor ${fds.channel} is no channel`);
  for (const fd of [lease.reading, lease.writing, ...Object.values(fds), succession, stderr]) markPrivate(fd);
  const { predecessor, handover } = await Predecessor.meet(pid, fds).catch((error: unknown) => {
    throw malformed(messageOf(error));
  });
  predecessor.send({ type: 'hello', ...SPOKEN, pid: process.pid, holdfast: version, node: process.version });
  // The incumbent has heard which versions we speak, and comes to the same conclusion.
  refuseFor(misunderstanding('the incumbent', handover));
  leadGroup();
  const inherited = inherit(entries, predecessor);
  const keeper = handover.keeper ? at(CANDIDATE_FDS.keeper) : undefined;
  return {
    generation: handover.generation,
    base: handover.base,
    lease,
    succession,
    keeper,
    stderr,
    origin: { predecessor, inherited, deadline: handover.deadline },
  };
}

function inherit(entries: ReturnType<typeof decodeListeners>, predecessor: Predecessor): Listener[] {
  try {
    return entries.map(({ label, fd }) => inheritListener(label, fd));
  } catch (error) {
    predecessor.send({ type: 'failed', status: EXIT.failed, reason: messageOf(error) });
    throw error;
  }
}

function markPrivate(fd: number): void {
  try {
    setCloseOnExec(fd);
  } catch (cause) {
    throw malformed(`descriptor ${fd} is not there`, cause);
  }
}

/**
 * The incumbent knows our pid by now, so that it can end this group too. Within the session of the intermediate, which has left: who leads a
 * session gets every terminal that it opens for its own. tty_ioctl(4), TIOCSCTTY.
 */
function leadGroup(): void {
  try {
    newGroup();
  } catch {
    // The intermediate was none, and we lead a session and its group already.
  }
}

function takeStderr(fd: number): void {
  duplicateOnto(fd, 2);
  closeSync(fd);
}

/** Between releases that are too far from each other nothing is tried. */
function refuseFor(misunderstood: string | undefined): void {
  if (misunderstood !== undefined) throw new HoldfastError(`cannot take over: ${misunderstood}`);
}

function malformed(what: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    `cannot take over: a malformed hand-over: ${what} (HOLDFAST_* variables are not to be set by hand)`,
    EXIT.failed,
    { cause },
  );
}

function asDescriptor(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function resolvePaths(settings: Settings, base: string): Settings {
  return {
    ...settings,
    logFile: logPath(settings.logFile, base),
    ...(settings.accessLogfile === undefined ? {} : { accessLogfile: logPath(settings.accessLogfile, base) }),
    ...(settings.pid === undefined ? {} : { pid: resolve(base, settings.pid) }),
  };
}

function logPath(file: string, base: string): string {
  return file === '-' ? file : resolve(base, file);
}
