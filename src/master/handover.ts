/** What the master before left (candidate): in the environment, at descriptors beside the listeners, and in its first message. It may be forged. */
import { CANDIDATE_FDS, HANDOVER_VERSION, SPOKEN } from '../channel/master-messages.js';
import { misunderstanding, unknownFormat } from '../channel/versions.js';
import { EXIT, HoldfastError, messageOf } from '../errors.js';
import { decodeListeners, inheritListener, type Listener } from '../listeners/index.js';
import { setCloseOnExec } from '../sys/descriptors.js';
import { newGroup } from '../sys/process-group.js';
import { isConnected } from '../sys/sockets.js';
import type { Handed } from './handed.js';
import type { Origin } from './origin.js';
import { Predecessor } from './predecessor.js';

interface Before {
  readonly generation: number;
  readonly base: string;
  /** Undefined when the incumbent's release does not say it. */
  readonly directory: string | undefined;
  readonly lease: { readonly reading: number; readonly writing: number };
  readonly succession: number;
  readonly keeper: number | undefined;
  /** The operator's: descriptor 2 is a file that the incumbent reads until we have a log. */
  readonly stderr: number;
  readonly origin: NonNullable<Origin['before']>;
}

/** Believes the hand-over as far as it was checked. Throws HoldfastError: forged, malformed, of a release that is too far from ours. */
export async function meetPredecessor(handed: Handed, version: string): Promise<Before> {
  const format = handed.HOLDFAST_HANDOVER ?? '';
  refuseFor(unknownFormat(format));
  if (format !== String(HANDOVER_VERSION)) throw malformed(`HOLDFAST_HANDOVER is ${JSON.stringify(format.slice(0, 60))}`);
  const pid = numberIn(handed.HOLDFAST_PREDECESSOR);
  if (pid === undefined) throw malformed('HOLDFAST_PREDECESSOR is no pid');
  const entries = decodeListeners(handed.HOLDFAST_FDS ?? '');
  const fds = descriptorsBehind(entries.length);
  const { predecessor, handover } = await Predecessor.meet(pid, fds.incumbent).catch((error: unknown) => {
    throw malformed(messageOf(error));
  });
  predecessor.send({ type: 'hello', ...SPOKEN, pid: process.pid, holdfast: version, node: process.version });
  // The incumbent has heard which versions we speak, and comes to the same conclusion.
  refuseFor(misunderstanding('the incumbent', handover));
  leadGroup();
  const inherited = inherit(entries, predecessor);
  return {
    generation: handover.generation,
    base: handover.base,
    directory: typeof handover.directory === 'string' ? handover.directory : undefined,
    lease: fds.lease,
    succession: fds.succession,
    keeper: handover.keeper ? fds.keeper : undefined,
    stderr: fds.stderr,
    origin: { predecessor, inherited, deadline: handover.deadline },
  };
}

/** Where they are, behind so many listeners. Throws HoldfastError when one is not there. */
function descriptorsBehind(listeners: number) {
  const at = (name: keyof typeof CANDIDATE_FDS) => 3 + listeners + CANDIDATE_FDS[name];
  const incumbent = { channel: at('channel'), lease: at('incumbentLease'), succession: at('incumbentSuccession') };
  const lease = { reading: at('leaseReading'), writing: at('leaseWriting') };
  const [succession, stderr] = [at('succession'), at('stderr')];
  // Or it is one of Node's own, and to read from that does harm.
  if (!isConnected(incumbent.channel)) throw malformed(`descriptor ${incumbent.channel} is no channel`);
  for (const fd of [lease.reading, lease.writing, ...Object.values(incumbent), succession, stderr]) markPrivate(fd);
  return { incumbent, lease, succession, stderr, keeper: at('keeper') };
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

export function numberIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
