import test from 'ava';
import { HoldfastError } from '#src/errors.js';
import { complaint } from '#src/pidfile/complaints.js';

const EXPECTED = {
  ENOENT: 'there is no directory /run/shop (create it)',
  ENOTDIR: '/run/shop is not a directory',
  EACCES: 'permission denied in /run/shop',
  EPERM: 'not permitted in /run/shop',
  EROFS: '/run/shop is on a read-only file system',
  ENOSPC: 'no space left on the file system of /run/shop',
  EDQUOT: 'the disk quota in /run/shop is used up',
  EFBIG: 'no file may grow (raise ulimit -f)',
  EISDIR: 'it is a directory',
  EMFILE: 'no descriptors are left (raise ulimit -n)',
  ENOLCK: 'the file system of /run/shop has no file locks (flock)',
  EOPNOTSUPP: 'the file system of /run/shop has no file locks (flock)',
  EIO: 'EIO (name another file with --pid)',
};

for (const [code, reason] of Object.entries(EXPECTED)) {
  test(`${code} is told as one line that names the pidfile, with exit status 1 and the cause kept`, (t) => {
    const cause = Object.assign(new Error('system'), { code });
    const told = complaint(cause, '/run/shop/shop.pid') as HoldfastError;
    t.true(told instanceof HoldfastError);
    t.true(told.message.startsWith(`cannot use the pidfile /run/shop/shop.pid: ${reason}`), told.message);
    t.false(told.message.includes('\n'));
    t.is(told.exitStatus, 1);
    t.is(told.cause, cause);
  });
}

test('what is no system error is passed on as it is', (t) => {
  const bug = new TypeError('undefined is not a function');
  t.is(complaint(bug, '/run/shop.pid'), bug);
  const told = new HoldfastError('cannot start');
  t.is(complaint(told, '/run/shop.pid'), told);
});
