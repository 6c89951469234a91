/** Whom a process is to become: looked up once, so that every worker of a generation becomes the same (master, before anything is bound). */
import { HoldfastError } from '../errors.js';
import { findAccount, groupId, groupsOf } from '../sys/accounts.js';

/** As an operator says it: names or decimal numbers. */
export interface Wish {
  readonly user?: string;
  readonly group?: string;
  /** The groups that the user database has for the user. True if not given; false: none but the one. */
  readonly initgroups?: boolean;
}

export interface Identity {
  /** As it was asked for: `user "shop"`. */
  readonly label: string;
  readonly uid: number;
  readonly gid: number;
  /** All supplementary groups that the process has afterwards, in ascending order; `gid` is among them. */
  readonly groups: readonly number[];
  /** For HOME, USER, LOGNAME and SHELL. Null for a number that is in no user database, undefined when the user stays. */
  readonly account?: { readonly name: string; readonly home: string; readonly shell: string } | null;
}

/** (uid_t) -1 means "as it is" to the system calls. */
const MOST = 2 ** 32 - 2;

/**
 * Look a wish up; undefined when there is none. Without a group it is the user's own, without a user it stays who it is.
 *
 * @throws HoldfastError, exit 1: no such user or group, or a number without an account whose group nobody says. getpwnam(3), getgrouplist(3)
 */
export function resolveIdentity({ user, group, initgroups = true }: Wish): Identity | undefined {
  if (user === undefined && group === undefined) return undefined;
  if (user === undefined) return ofGroup(group ?? '');
  const label = `user "${user}"`;
  const account = findAccount(numberOf(user) ?? user);
  const uid = account?.uid ?? numberOf(user);
  if (uid === undefined) throw refusal(label, 'there is no such user');
  const gid = group === undefined ? account?.gid : gidOf(group, label);
  if (gid === undefined) throw refusal(label, 'it is in no user database, so nobody knows its group (give --group)');
  const groups = account !== undefined && initgroups ? groupsOf(account.name, gid) : [gid];
  return {
    label,
    uid,
    gid,
    groups: ordered([...groups, gid]),
    account: account === undefined ? null : { name: account.name, home: account.home, shell: account.shell },
  };
}

function ofGroup(group: string): Identity {
  const label = `group "${group}"`;
  const gid = gidOf(group, label);
  const uid = process.geteuid?.() ?? 0;
  // Who is not root can neither get nor lose any.
  const groups = uid === 0 ? [gid] : [...(process.getgroups?.() ?? []), gid];
  return { label, uid, gid, groups: ordered(groups) };
}

/** HOME, USER, LOGNAME and SHELL as login(1) and systemd.exec(5) set them, in `env`. A number without a name has / and none. */
export function adoptEnvironment({ account }: Identity, env: NodeJS.ProcessEnv = process.env): void {
  if (account === undefined) return;
  env['HOME'] = account?.home || '/';
  for (const [variable, value] of [
    ['USER', account?.name],
    ['LOGNAME', account?.name],
    ['SHELL', account?.shell],
  ] as const) {
    if (value === undefined || value === '') delete env[variable];
    else env[variable] = value;
  }
}

function gidOf(group: string, label: string): number {
  const gid = numberOf(group) ?? groupId(group);
  if (gid === undefined) throw refusal(label, label.startsWith('group') ? 'there is no such group' : `there is no group "${group}"`);
  return gid;
}

/** As gunicorn has it, all digits are a number and never a name. */
function numberOf(text: string): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const number = Number(text);
  if (number > MOST) throw refusal(`"${text}"`, `${MOST} is the highest number`);
  return number;
}

export function ordered(groups: readonly number[]): number[] {
  return [...new Set(groups)].sort((a, b) => a - b);
}

export function refusal(label: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError(`cannot drop to ${label}: ${why}`, undefined, { cause });
}
