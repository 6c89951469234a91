import test from 'ava';
import { pinnedOrOther } from '#src/master/release.js';

test('a release that is gone is what a worker is started from where the system cannot even say what else there is', (t) => {
  const gone = { cwd: '/nonexistent', app: '/nonexistent/server.js' };
  const broken = new Proxy({} as Parameters<typeof pinnedOrOther>[1], {
    get() {
      throw Object.assign(new Error('EIO: i/o error, stat'), { code: 'EIO' });
    },
  });
  t.is(pinnedOrOther(gone, broken), gone);
});
