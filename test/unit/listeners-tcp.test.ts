import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import ava, { type ExecutionContext } from 'ava';
import {
  type Address,
  bindAll,
  bindListener,
  closeListener,
  encodeListeners,
  inheritListener,
  isListening,
  type Listener,
  listen,
  matchListeners,
  parseBind,
  parseLabel,
  queueLength,
  reopenListener,
  resolveBinds,
} from '#src/listeners/index.js';
import { duplicateOnto } from '#src/sys/descriptors.js';
import { waitFor } from '../support/wait.js';
import { ask, owned, play, portOf, SERVE } from './listeners-process.js';

// One at a time: descriptors are closed here that another test could have been given meanwhile.
const test = ava.serial;

const LOOPBACK = '127.0.0.1';
const NOBODY = 65534;

function address(label: string): Address {
  const found = parseLabel(label);
  if (found === undefined) throw new Error(`${label} is no address`);
  return found;
}

async function bound(t: ExecutionContext, label: string): Promise<Listener> {
  return owned(t, await bindListener(address(label)));
}

async function all(t: ExecutionContext, ...settings: string[]): Promise<readonly Listener[]> {
  const { listeners } = await bindAll(await resolveBinds(settings.map(parseBind), '/'));
  for (const listener of listeners) owned(t, listener);
  return listeners;
}

async function refusal(t: ExecutionContext, act: () => Promise<unknown>): Promise<string> {
  const error = await t.throwsAsync(act, { name: 'HoldfastError' });
  t.is((error as (Error & { exitStatus?: number }) | undefined)?.exitStatus, 1);
  return error?.message ?? '';
}

function closeOnExec(fd: number): boolean {
  const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0';
  return (Number.parseInt(flags, 8) & 0o2000000) !== 0;
}

test('a bound socket is close-on-exec, knows its port and refuses connections until it listens', async (t) => {
  const listener = await bound(t, '127.0.0.1:0');
  t.is(listener.address, '127.0.0.1:0');
  t.true(portOf(listener) > 0);
  t.true(closeOnExec(listener.fd));
  t.is(await ask({ host: LOOPBACK, port: portOf(listener) }), 'ECONNREFUSED');
});

test('a child that is given the descriptor answers what came before it was started', async (t) => {
  const listener = await bound(t, '127.0.0.1:0');
  listen(listener, 16);
  const early = ask({ host: LOOPBACK, port: portOf(listener) });
  const worker = play(t, SERVE, [listener.fd]);
  t.is(await worker.says(), 'serving');
  t.is(await early, `from ${worker.pid}`);
  t.is(await ask({ host: LOOPBACK, port: portOf(listener) }), `from ${worker.pid}`);
});

test('v6 is bound for itself alone', async (t) => {
  const listener = await bound(t, '[::1]:0');
  t.regex(listener.bound, /^\[::1\]:\d+$/);
  const [v4, v6] = await all(t, ':0');
  if (v4 === undefined || v6 === undefined) return void t.fail();
  listen(v6, 4);
  t.is(await ask({ host: LOOPBACK, port: portOf(v6) }), 'ECONNREFUSED');
  const worker = play(t, SERVE, [v6.fd]);
  await worker.says();
  t.is(await ask({ host: '::1', port: portOf(v6) }), `from ${worker.pid}`);
});

test('the addresses of one setting share the port that the kernel chose, and keep their labels', async (t) => {
  const [v4, v6] = await all(t, ':0');
  t.is(v4?.address, '0.0.0.0:0');
  t.is(v6?.address, '[::]:0');
  t.is(v4 && portOf(v4), v6 && portOf(v6));
  const named = await all(t, 'localhost:0');
  t.is(new Set(named.map(portOf)).size, 1);
  const apart = await all(t, '127.0.0.1:0', '[::1]:0');
  t.is(apart.length, 2);
});

test('where IPv6 is switched off its half of a setting is left out with a warning, and alone it is refused', async (t) => {
  const script = `
    const L = await import(${JSON.stringify(import.meta.resolve('#src/listeners/index.js'))});
    const both = [L.parseLabel('127.0.0.1:0'), L.parseLabel('[::1]:0')].map((address) => ({ ...address, setting: 'localhost:0' }));
    const { listeners, warnings } = await L.bindAll(both);
    const refused = await L.bindAll(both.slice(1)).catch((error) => error.message);
    console.log(JSON.stringify([listeners.map(({ address }) => address), warnings, refused]));`;
  // A network of its own, whose loopback has no address yet; 127.0.0.1 can be bound all the same once it is up.
  const within = (...command: string[]) => {
    const prepared = ['-n', 'sh', '-c', 'ip link set lo up && ip -6 addr flush dev lo && exec "$0" "$@"', ...command];
    return spawnSync('unshare', prepared, { encoding: 'utf8' });
  };
  if (within('true').status !== 0) return void t.pass('this needs root, unshare and ip');
  const { stdout, stderr } = within(process.execPath, '--input-type=module', '-e', script);
  t.is(stderr, '');
  const refused = 'cannot bind [::1]:0: no such address on this machine';
  t.deepEqual(JSON.parse(stdout), [['127.0.0.1:0'], ['not bound: [::1]:0; this machine has no IPv6'], refused]);
});

test('a port that another process listens on is refused, naming it', async (t) => {
  const other = play(
    t,
    `import { createServer } from 'node:net'; const server = createServer().listen(0, '127.0.0.1', () => say(server.address().port));`,
  );
  const port = await other.says();
  const taken = () => bindListener(address(`127.0.0.1:${port}`));
  t.regex(await refusal(t, taken), new RegExp(`^cannot bind 127\\.0\\.0\\.1:${port}: in use by node \\(pid ${other.pid}\\)$`));
  t.regex(await refusal(t, () => bindListener(address(`0.0.0.0:${port}`))), new RegExp(`in use by node \\(pid ${other.pid}\\)$`));
});

test('a listener on all addresses, v6 included, is named as well', async (t) => {
  const other = play(
    t,
    `import { createServer } from 'node:net'; const server = createServer().listen(0, () => say(server.address().port));`,
  );
  const port = await other.says();
  t.regex(await refusal(t, () => bindListener(address(`127.0.0.1:${port}`))), new RegExp(`in use by node \\(pid ${other.pid}\\)$`));
  t.regex(await refusal(t, () => bindListener(address(`[::1]:${port}`))), new RegExp(`in use by node \\(pid ${other.pid}\\)$`));
});

test('of a master and its workers the master is named', async (t) => {
  const script = `
    import { spawn } from 'node:child_process';
    const listener = await listeners.bindListener(listeners.parseLabel('127.0.0.1:0'));
    listeners.listen(listener, 16);
    const worker = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', listener.fd] });
    process.on('message', () => { worker.kill('SIGKILL'); worker.on('exit', () => say('killed')); });
    worker.on('spawn', () => say(listener.bound));`;
  const master = play(t, script);
  const label = await master.says();
  t.is(await refusal(t, () => bindListener(address(label))), `cannot bind ${label}: in use by node (pid ${master.pid})`);
  master.child.send('kill');
  t.is(await master.says(), 'killed');
});

test('a port that is bound and not yet listened on is refused too', async (t) => {
  const first = await bound(t, '127.0.0.1:0');
  t.regex(await refusal(t, () => bindListener(address(first.bound))), /^cannot bind 127\.0\.0\.1:\d+: in use$/);
});

test('a port with connections in TIME_WAIT is bound again, and then kept from others', async (t) => {
  const first = await bindListener(address('127.0.0.1:0'));
  listen(first, 16);
  const worker = play(t, SERVE, [first.fd]);
  await worker.says();
  t.is(await ask({ host: LOOPBACK, port: portOf(first) }), `from ${worker.pid}`);
  closeListener(first);
  const gone = once(worker.child, 'exit');
  worker.child.kill('SIGKILL');
  await gone;
  t.regex(readFileSync('/proc/net/tcp', 'latin1'), new RegExp(`:${portOf(first).toString(16).toUpperCase().padStart(4, '0')} \\S+ 06 `));
  const again = await bound(t, first.bound);
  t.regex(await refusal(t, () => bindListener(address(first.bound))), /in use$/);
  listen(again, 16);
  t.regex(await refusal(t, () => bindListener(address(first.bound))), new RegExp(`in use by \\S+ \\(pid ${process.pid}\\)`));
});

test('an address of another machine is refused', async (t) => {
  t.is(await refusal(t, () => bindListener(address('192.0.2.1:8000'))), 'cannot bind 192.0.2.1:8000: no such address on this machine');
  t.is(
    await refusal(t, () => bindListener(address('[2001:db8::1]:8000'))),
    'cannot bind [2001:db8::1]:8000: no such address on this machine',
  );
});

test('a port under 1024 needs a privilege, and the refusal says which', async (t) => {
  if (process.getuid?.() === 0) {
    const other = play(
      t,
      `process.setuid(${NOBODY}); await listeners.bindListener(listeners.parseLabel('127.0.0.1:81')).catch((error) => say(error.message));`,
    );
    t.is(
      await other.says(),
      'cannot bind 127.0.0.1:81: permission denied (ports under 1024 need root, with --user for the workers, or CAP_NET_BIND_SERVICE)',
    );
  } else {
    t.regex(await refusal(t, () => bindListener(address('127.0.0.1:81'))), /permission denied \(ports under 1024/);
  }
});

test('when one address fails, those before it are closed again', async (t) => {
  const taken = await bound(t, '127.0.0.1:0');
  const free = await bound(t, '127.0.0.1:0');
  closeListener(free);
  await refusal(t, () => bindAll([address(free.bound), address(taken.bound)]));
  t.is((await bound(t, free.bound)).bound, free.bound);
});

test('a refusal says that one of the own addresses stands in the way', async (t) => {
  const old = await bound(t, '127.0.0.1:0');
  listen(old, 4);
  const wanted = address(`0.0.0.0:${portOf(old)}`);
  const { bind, overlaps } = matchListeners([old], [wanted]);
  const said = await refusal(t, () => bindAll(bind, overlaps));
  t.is(
    said,
    `cannot bind 0.0.0.0:${portOf(old)}: it overlaps ${old.bound} of the running generation (stop it and start again to change this)`,
  );
  closeListener(old);
  const both = await refusal(t, () => bindAll([address(old.bound), wanted]));
  t.is(both, `cannot bind 0.0.0.0:${portOf(old)}: it overlaps ${old.bound}, which these settings bind too (drop one of the two)`);
});

test('the queue of a listener is counted until somebody accepts', async (t) => {
  const listener = await bound(t, '127.0.0.1:0');
  t.is(queueLength(listener), 0);
  listen(listener, 16);
  t.is(queueLength(listener), 0);
  const sockets: Socket[] = [];
  for (let count = 0; count < 3; count += 1) {
    const socket = connect(portOf(listener), LOOPBACK).on('error', () => undefined);
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    sockets.push(socket);
  }
  // A client may know of its connection before the listener does.
  await waitFor(
    () => queueLength(listener) === 3,
    20_000,
    () => `three in the queue, not ${queueLength(listener)}`,
  );
  const answered = sockets.map((socket) => once(socket.resume(), 'end'));
  play(t, SERVE, [listener.fd]);
  await Promise.all(answered);
  t.is(queueLength(listener), 0);
});

test('an inherited listener is what the label says, close-on-exec, with its real port', async (t) => {
  const listener = await bound(t, '127.0.0.1:0');
  const script = `
    import { readFileSync } from 'node:fs';
    const [{ label, fd }] = listeners.decodeListeners(${JSON.stringify(encodeListeners([listener]))});
    const inherited = listeners.inheritListener(label, fd);
    say(JSON.stringify(inherited));
    say(/flags:\\s+(\\d+)/.exec(readFileSync('/proc/self/fdinfo/3', 'utf8'))[1]);`;
  const child = play(t, script, [listener.fd]);
  t.deepEqual(JSON.parse(await child.says()), { ...listener, fd: 3 });
  t.true((Number.parseInt(await child.says(), 8) & 0o2000000) !== 0);
});

test("a descriptor that would go to the app's children is marked when it is inherited", async (t) => {
  const listener = await bound(t, '127.0.0.1:0');
  const fd = openSync('/dev/null', 'r');
  t.teardown(() => closeSync(fd));
  duplicateOnto(listener.fd, fd);
  t.false(closeOnExec(fd));
  inheritListener(listener.address, fd);
  t.true(closeOnExec(fd));
});

test('fd:// takes whatever stream socket is there, listening or not', async (t) => {
  const listener = await bound(t, '127.0.0.1:0');
  const [taken] = (await bindAll([{ is: 'fd', fd: listener.fd }])).listeners;
  t.deepEqual(taken, { address: `fd://${listener.fd}`, bound: listener.bound, fd: listener.fd });
  t.deepEqual(inheritListener(`fd://${listener.fd}`, listener.fd), taken);
  t.is(await refusal(t, () => bindListener({ is: 'fd', fd: 9999 })), 'cannot inherit fd://9999: descriptor 9999 is not open');
});

const refusedDescriptors: Readonly<Record<string, (t: ExecutionContext) => Promise<{ label: string; fd: number; why: string }>>> = {
  'a closed descriptor': async () => {
    const fd = openSync('/dev/null', 'r');
    closeSync(fd);
    return { label: '127.0.0.1:8000', fd, why: 'is not open' };
  },
  'a file': async (t) => {
    const fd = openSync('/dev/null', 'r');
    t.teardown(() => closeSync(fd));
    return { label: '127.0.0.1:8000', fd, why: 'is not a socket' };
  },
  'a datagram socket': async (t) => {
    const socket = createSocket('udp4').bind(0, LOOPBACK);
    await once(socket, 'listening');
    t.teardown(() => socket.close());
    return { label: `127.0.0.1:${socket.address().port}`, fd: descriptorOf(socket), why: 'is not a stream socket' };
  },
  'a socket of another port': async (t) => {
    const listener = await bound(t, '127.0.0.1:0');
    return { label: '127.0.0.1:1', fd: listener.fd, why: `is bound to ${listener.bound}` };
  },
  'a socket of another address, where the port does not matter': async (t) => {
    const listener = await bound(t, '127.0.0.1:0');
    return { label: '0.0.0.0:0', fd: listener.fd, why: `is bound to ${listener.bound}` };
  },
  'a v4 socket for a v6 address': async (t) => {
    const listener = await bound(t, '0.0.0.0:0');
    return { label: `[::]:${portOf(listener)}`, fd: listener.fd, why: `is bound to ${listener.bound}` };
  },
  'a TCP socket for a unix path': async (t) => {
    const listener = await bound(t, '127.0.0.1:0');
    return { label: 'unix:/run/shop.sock', fd: listener.fd, why: `is bound to ${listener.bound}` };
  },
  'a connection of the right address': async (t) => {
    const server = createServer().listen(0, LOOPBACK);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect(port, LOOPBACK);
    const [accepted] = (await once(server, 'connection')) as [Socket];
    t.teardown(() => {
      client.destroy();
      accepted.destroy();
      server.close();
    });
    return { label: `127.0.0.1:${port}`, fd: descriptorOf(accepted), why: 'is a connection' };
  },
};

function descriptorOf(holder: object): number {
  const found = [holder, ...Object.getOwnPropertySymbols(holder).map((symbol) => Reflect.get(holder, symbol))]
    .map((owner: { handle?: { fd?: number }; _handle?: { fd?: number } } | undefined) => owner?._handle?.fd ?? owner?.handle?.fd)
    .find((fd) => fd !== undefined && fd >= 0);
  if (found === undefined || !fstatSync(found).isSocket()) throw new Error('no descriptor');
  return found;
}

for (const [what, make] of Object.entries(refusedDescriptors))
  test(`${what} is not inherited`, async (t) => {
    const { label, fd, why } = await make(t);
    const error = t.throws(() => inheritListener(label, fd), { name: 'HoldfastError' });
    t.is(error?.message, `cannot inherit ${label}: descriptor ${fd} ${why}`);
    t.is((error as (Error & { exitStatus?: number }) | undefined)?.exitStatus, 1);
  });

test('an unbound socket is not inherited, not even for port 0', async (t) => {
  // A client's socket before its connection is made has no port of its own.
  const child = play(
    t,
    `const { socket, C } = await import(${JSON.stringify(import.meta.resolve('#src/sys/sockets.js'))});
     const fd = socket(C.AF_INET);
     try { listeners.inheritListener('0.0.0.0:0', fd); say('inherited'); } catch (error) { say(error.message); }`,
  );
  t.regex(await child.says(), /^cannot inherit 0\.0\.0\.0:0: descriptor \d+ is not bound$/);
});

test('no descriptor is left behind by what fails', async (t) => {
  const count = () => Array.from({ length: 64 }, (_, fd) => link(fd)).filter((target) => target?.startsWith('socket:')).length;
  const taken = await bound(t, '127.0.0.1:0');
  const before = count();
  for (let round = 0; round < 5; round += 1) {
    await refusal(t, () => bindAll([address('127.0.0.1:0'), address('[::1]:0'), address(taken.bound)]));
    await refusal(t, () => bindListener(address('192.0.2.1:1')));
  }
  t.is(count(), before);
});

function link(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}

test('a closed listener is reopened under its label and on its port, and listens; what somebody else opened is not', async (t) => {
  const first = await bindListener(address('127.0.0.1:0'));
  listen(first, 8);
  closeListener(first);
  const again = owned(t, reopenListener(first, address('127.0.0.1:0'), 8));
  t.deepEqual([again.address, again.bound, isListening(again)], ['127.0.0.1:0', first.bound, true]);
  t.throws(() => reopenListener(first, undefined, 8), { message: /^cannot bind 127\.0\.0\.1:\d+: in use/ });
  t.throws(() => reopenListener({ ...first, address: 'fd://3' }, undefined, 8), { message: /^cannot bind fd:\/\/3: it was closed/ });
});
