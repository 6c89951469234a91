// Logs to its standard output, whatever that is.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import Module from 'node:module';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { AccessLog } from '#src/log/access-log.js';
import { complain } from '#src/log/complain.js';
import { openLog } from '#src/log/log.js';

const log = openLog({ file: '-', level: 'info', role: 'master', gen: 1, pid: 4711, name: 'shop' });

switch (process.argv[2]) {
  case 'gone':
    log.info(null, 'hello');
    // Its end says that nobody reads stdout any more.
    await once(process.stdin.resume(), 'end');
    for (let i = 0; i < 5000; i += 1) log.info(null, 'nobody hears this');
    log.flush();
    break;
  case 'flood':
    // As an app's console.log does to a pipe: from now on it does not block, for anybody who has it.
    new Socket({ fd: 1 }).unref();
    for (let n = 0; n < Number(process.argv[3]); n += 1) log.info(null, 'x'.repeat(100), { n });
    process.stderr.write('written');
    await once(process.stdin.resume(), 'end');
    break;
  case 'stuck':
    // Far beyond what a pipe holds, and nobody reads it.
    for (let n = 0; n < 5000; n += 1) log.info(null, 'x'.repeat(100), { n });
    log.flush();
    process.stderr.write('not stuck');
    break;
  case 'batch': {
    const access = new AccessLog('-', log);
    for (let n = 0; n < Number(process.argv[3]); n += 1) access.add(JSON.stringify({ n, pid: process.pid, text: 'x'.repeat(n % 300) }));
    // The reader begins late, and a process that ends has not that much patience: it ends when all of it has been read.
    while (!existsSync(process.argv[4] ?? '')) {
      access.end();
      await sleep(50);
    }
    break;
  }
  case 'taken away': {
    log.assure();
    // As if the directory that it comes from had been removed.
    const modules = Module as unknown as { _load(request: string, ...rest: unknown[]): unknown };
    const load = modules._load;
    modules._load = (request, ...rest) => {
      if (request.endsWith('pino.cjs')) throw new Error('Cannot find module\nRequire stack:');
      return load(request, ...rest);
    };
    log.prepare();
    log.info(null, 'hello');
    process.stdout.write('alive');
    break;
  }
  case 'odd':
    log.info(null, 'one\n\x1b[2Jtwo\x07');
    log.warning(null, 'last');
    break;
  case 'complain':
    log.info(null, 'hello');
    complain(new Error('no luck\n   at all'), log);
    break;
}
