// What macOS wants of a socket address, by its <sys/socket.h>, <netinet/in.h> and <sys/un.h>: length and family are a byte each.
import { execFileSync } from 'node:child_process';
import test from 'ava';
import { missingOn, refuseUnknownPlatform } from '#src/sys/platform.js';

/** In a process that takes itself for a Mac, once the native module is there. */
function onDarwin(expression: string): unknown {
  const script = `
    (await import('node:module')).createRequire(${JSON.stringify(import.meta.url)})('koffi');
    Object.defineProperty(process, 'platform', { value: 'darwin' });
    const { encodeName, decodeName } = await import(${JSON.stringify(import.meta.resolve('#src/listeners/socket-name.js'))});
    const bytes = (address) => [...encodeName(address)];
    console.log(JSON.stringify(${expression}));`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', cwd: import.meta.dirname }));
}

test('socket addresses of macOS begin with their length', (t) => {
  t.deepEqual(onDarwin(`bytes({ is: 'tcp4', host: '127.0.0.1', port: 8000 })`), [16, 2, 31, 64, 127, 0, 0, 1, ...new Array(8).fill(0)]);
  const v6 = onDarwin(`bytes({ is: 'tcp6', host: '::1', port: 8000 })`) as number[];
  t.deepEqual(v6, [28, 30, 31, 64, 0, 0, 0, 0, ...new Array(15).fill(0), 1, 0, 0, 0, 0]);
  t.deepEqual(onDarwin(`bytes({ is: 'unix', path: '/a' })`), [5, 1, 47, 97, 0]);
});

test('and are read back', (t) => {
  const address = { is: 'tcp4', host: '127.0.0.1', port: 8000 };
  t.like(onDarwin('decodeName(Buffer.from([16, 2, 31, 64, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]))'), address);
  t.like(onDarwin('decodeName(Buffer.from([5, 1, 47, 97, 0]))'), { is: 'unix', path: '/a' });
});

test('Linux lacks nothing, macOS something, and others everything', (t) => {
  t.is(missingOn('linux'), undefined);
  t.regex(missingOn('darwin') ?? '', /^macOS is for development: /);
  t.notThrows(() => refuseUnknownPlatform('darwin'));
  t.throws(() => refuseUnknownPlatform('aix'), { message: /cannot run on aix/ });
});
