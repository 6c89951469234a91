/** From root to somebody else for good (a worker, before one byte of the app is loaded). */
import { messageOf } from '../errors.js';
import { type Identity, ordered, refusal } from './identity.js';
import { hasCapabilities, verify } from './verify.js';

/** capabilities(7): to signal the dropped ones, and to set groups and users. */
const NEEDED = { CAP_KILL: 5, CAP_SETGID: 6, CAP_SETUID: 7 } as const;

/**
 * Whether `drop` could be done by this process, or one that it starts; nothing is changed.
 *
 * @throws HoldfastError, exit 1: not started as root, or a root that lacks the capabilities
 */
export function checkDrop(identity: Identity): void {
  if (isAlready(identity)) return;
  if (process.geteuid?.() !== 0) throw refusal(identity.label, notRoot(identity));
  const lacking = Object.entries(NEEDED).filter(([, bit]) => !hasCapabilities(1n << BigInt(bit)));
  if (lacking.length === 0) return;
  const names = lacking.map(([name]) => name).join(' and ');
  throw refusal(identity.label, `this root lacks ${names} (docker run --cap-add, systemd's CapabilityBoundingSet=)`);
}

/**
 * Become this identity, in all threads and for good: the groups first, for the next step takes the right to set them away, then the group, then
 * the user. Does nothing for who is already. Ends with `verify`: a process that got only part of the way must end.
 *
 * @throws HoldfastError, exit 1. setgroups(2), setgid(2), setuid(2)
 */
export function drop(identity: Identity): void {
  if (!isAlready(identity)) change(identity);
  verify(identity);
}

function change(identity: Identity): void {
  const { label, uid, gid, groups } = identity;
  if (process.geteuid?.() !== 0) throw refusal(label, notRoot(identity));
  try {
    process.setgroups?.([...groups]);
    process.setgid?.(gid);
    process.setuid?.(uid);
  } catch (error) {
    throw refusal(label, messageOf(error), error);
  }
}

function isAlready({ uid, gid, groups }: Identity): boolean {
  const users = [process.getuid?.(), process.geteuid?.()];
  const own = [process.getgid?.(), process.getegid?.()];
  return users.every((id) => id === uid) && own.every((id) => id === gid) && current(gid).join() === groups.join();
}

/** Whether the own group stands among the supplementary ones makes no difference: it counts either way. */
function current(gid: number): number[] {
  return ordered([...(process.getgroups?.() ?? []), gid]);
}

function notRoot({ uid, gid, groups }: Identity): string {
  if (process.geteuid?.() !== uid || process.getegid?.() !== gid) return 'not started as root';
  return `not started as root, and this process has the groups ${current(gid).join(' ')} in place of ${groups.join(' ')}`;
}
