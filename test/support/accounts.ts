// Users and groups of a test's own, seen by those alone who run under `accounts.under`: the user database is a file that can be mounted over.
import { execFileSync } from 'node:child_process';
import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { holdfastCommand } from './paths.js';
import { type Test, tempDir } from './temp.js';

const passwd = `root:x:0:0:root:/root:/bin/sh
shop:x:4001:4001:the shop:/home/shop:/bin/false
intruder:x:4002:4002::/home/intruder:/bin/sh
`;

const group = `root:x:0:
shop:x:4001:
intruder:x:4002:
www:x:4003:
media:x:4100:shop,intruder
`;

/** The numbers of the names. */
export const ids = { root: 0, shop: 4001, intruder: 4002, www: 4003, media: 4100 } as const;
export type Name = keyof typeof ids;

const mountOver = 'mount --bind "$0" /etc/passwd && mount --bind "$1" /etc/group && shift && exec "$@"';

/** The command that runs another one where these users are known; with `user` as that one, with all of its groups. */
export function accounts(t: Test, user?: Name): readonly string[] {
  const dir = tempDir(t);
  chmodSync(dir, 0o755);
  const files = Object.entries({ passwd, group }).map(([name, text]) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  });
  const become = user === undefined ? [] : ['setpriv', '--reuid', user, '--regid', user, '--init-groups'];
  return ['unshare', '-m', 'sh', '-c', mountOver, ...files, ...become];
}

const obstacle = whatStandsAgainst();

/** A test that needs root, and the right to mount; elsewhere it is skipped, and its title says why. */
export function rootTest(title: string, body: (t: ExecutionContext) => Promise<void>): void {
  if (obstacle === undefined) test(title, body);
  else test.skip(`${title} (${obstacle})`, body);
}

function whatStandsAgainst(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.geteuid?.() !== 0) return 'needs root';
  if ([holdfastCommand, process.execPath].some((file) => !mayAllEnter(dirname(file))))
    return 'needs a checkout and a Node that all may enter';
  try {
    execFileSync('unshare', ['-m', 'setpriv', '--clear-groups', 'mount', '--bind', '/etc/hostname', '/etc/passwd'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'needs unshare, setpriv and the right to mount';
  }
}

function mayAllEnter(directory: string): boolean {
  return (statSync(directory).mode & 0o005) === 0o005 && (dirname(directory) === directory || mayAllEnter(dirname(directory)));
}
