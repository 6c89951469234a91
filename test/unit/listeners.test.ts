import test from 'ava';
import {
  type Address,
  decodeListeners,
  encodeListeners,
  formatAddress,
  type Listener,
  matchListeners,
  parseBind,
  parseLabel,
  resolveBinds,
} from '#src/listeners/index.js';

const labels = (text: string): string[] => {
  const bind = parseBind(text);
  return bind.is === 'addresses' ? bind.addresses.map(formatAddress) : [bind.is];
};

const listener = (address: string, fd: number, bound = address): Listener => ({ address, bound, fd });

const addresses = (...texts: string[]): Address[] => texts.flatMap((text) => parseLabel(text) ?? []);

for (const [text, ...expected] of [
  ['127.0.0.1:8000', '127.0.0.1:8000'],
  ['0.0.0.0:0', '0.0.0.0:0'],
  [':8000', '0.0.0.0:8000', '[::]:8000'],
  [':65535', '0.0.0.0:65535', '[::]:65535'],
  ['[::]:80', '[::]:80'],
  ['[::1]:080', '[::1]:80'],
  ['[2001:DB8:0:0:1:0:0:1]:80', '[2001:db8::1:0:0:1]:80'],
  ['[1:0:3:4:5:6:7:8]:1', '[1:0:3:4:5:6:7:8]:1'],
  ['[0:0:0:0:0:0:0:0]:1', '[::]:1'],
  ['[1::]:1', '[1::]:1'],
  ['[64:ff9b::192.0.2.33]:1', '[64:ff9b::c000:221]:1'],
  ['[::ffff:127.0.0.1]:80', '127.0.0.1:80'],
  ['unix:@shop', 'unix:@shop'],
  ['fd://3', 'fd://3'],
  ['localhost:80', 'name'],
  ['unix:run/shop.sock', 'path'],
] as const)
  test(`--bind ${text} means ${expected.join(' and ')}`, (t) => {
    t.deepEqual(labels(text), [...expected]);
  });

for (const [text, why] of [
  ['', /empty/],
  [' ', /empty/],
  ['127.0.0.1', /port is missing/],
  ['127.0.0.1:', /port is missing/],
  [':', /port is missing/],
  ['8000', /write 127\.0\.0\.1:8000, or :8000/],
  ['127.0.0.1:70000', /no port 70000/],
  ['127.0.0.1:65536', /no port 65536/],
  ['127.0.0.1:-1', /"-1" is no port/],
  ['127.0.0.1:http', /"http" is no port/],
  ['127.0.0.1:80 ', /is no port/],
  ['300.0.0.1:80', /no IPv4 address/],
  ['127.1:80', /no IPv4 address/],
  ['127.0.0.01:80', /no IPv4 address/],
  ['*:80', /:80 means every address/],
  ['http://localhost:80', /: write HOST:PORT/],
  ['::1:8000', /\[::1\]:8000/],
  ['[::1]', /port is missing/],
  ['[1::2::3]:80', /no IPv6 address/],
  ['[12345::]:80', /no IPv6 address/],
  ['[127.0.0.1]:80', /no IPv6 address/],
  ['[fe80::1%eth0]:80', /zone/],
  ['unix:', /path of the socket is missing/],
  ['unix:/run/', /path of the socket is missing/],
  ['unix:?mode=0660', /path of the socket is missing/],
  ['unix:@', /name of the abstract socket/],
  ['unix:@?mode=0660', /name of the abstract socket/],
  ['unix:@shop?mode=0660', /an abstract socket has no file, and so no mode, user or group: .* \(leave \?mode=0660 out\)/],
  [`unix:@${'x'.repeat(108)}`, /107 bytes at most/],
  [`unix:/${'x'.repeat(99)}`, /has 100 bytes.*may have 99/],
  ['unix:/run/a.sock?mod=0660', /unknown "mod"/],
  ['unix:/run/a.sock?', /unknown ""/],
  ['unix:/run/a.sock?mode=', /mode has no value/],
  ['unix:/run/a.sock?mode=0888', /no mode/],
  ['unix:/run/a.sock?mode=4755', /no mode/],
  ['unix:/run/a.sock?mode=660&mode=600', /twice/],
  ['fd://x', /fd:\/\/N/],
  ['fd://2', /standard streams/],
  ['127.0.0.1:80\n', /control character/],
] as const)
  test(`--bind ${JSON.stringify(text.slice(0, 30))} (${text.length} characters) is refused: ${why.source}`, (t) => {
    const error = t.throws(() => parseBind(text), { name: 'HoldfastError', message: why });
    t.is((error as (Error & { exitStatus?: number }) | undefined)?.exitStatus, 2);
    t.regex(error?.message ?? '', /^cannot bind /);
    t.notRegex(error?.message ?? '', /\n/);
  });

test('a unix path takes mode, user and group', (t) => {
  t.deepEqual(parseBind('unix:/run/a.sock?mode=0660&user=shop&group=33'), {
    is: 'path',
    path: '/run/a.sock',
    access: { mode: 0o660, user: 'shop', group: '33' },
  });
});

test('a unix path may be as long as its temporary name allows, in bytes', (t) => {
  t.notThrows(() => parseBind(`unix:/${'x'.repeat(98)}`));
  t.throws(() => parseBind(`unix:/${'ä'.repeat(50)}`), { message: /has 101 bytes/ });
});

test('names give all their addresses, relative paths are resolved, and what stands there twice is bound once', async (t) => {
  const found = await resolveBinds(
    ['localhost:8000', '127.0.0.1:8000', 'unix:run/../a.sock', 'unix:/srv/a.sock', '[0::1]:8000'].map(parseBind),
    '/srv',
  );
  const texts = found.map(formatAddress);
  t.true(texts.includes('127.0.0.1:8000'));
  t.is(texts.filter((text) => text === 'unix:/srv/a.sock').length, 1);
  t.is(new Set(texts).size, texts.length);
});

test('a name without an address is refused by that name', async (t) => {
  const error = await t.throwsAsync(() => resolveBinds([parseBind('nosuch.invalid:80')], '/'), { name: 'HoldfastError' });
  t.regex(error?.message ?? '', /^cannot bind nosuch\.invalid:80: (there is no host|cannot look up) nosuch\.invalid/);
});

test('a relative path that its directory makes too long is refused', async (t) => {
  await t.throwsAsync(() => resolveBinds([parseBind('unix:a.sock')], `/${'d'.repeat(95)}`), { message: /may have 99/ });
});

test('labels are read back as what they stand for', (t) => {
  for (const label of ['127.0.0.1:0', '[::1]:80', '[2001:db8::1]:65535', 'unix:/run/a;b=c%.sock', 'unix:@name', 'fd://12']) {
    const address = parseLabel(label);
    t.is(address === undefined ? undefined : formatAddress(address), label);
  }
  for (const label of [
    '',
    'localhost:80',
    '127.0.0.1',
    '127.0.0.1:65536',
    '127.0.0.1:',
    '[::1]:',
    'unix:',
    'unix:a',
    'unix:@',
    'fd://',
    '[127.0.0.1]:1',
    '::1:80',
  ])
    t.is(parseLabel(label), undefined, label);
});

test('HOLDFAST_FDS has the documented form, numbered by position', (t) => {
  t.is(encodeListeners([listener('127.0.0.1:8000', 21), listener('unix:@shop', 17)]), '127.0.0.1:8000=3;unix:@shop=4');
  t.deepEqual(decodeListeners('127.0.0.1:8000=3;unix:/run/shop.sock=4'), [
    { label: '127.0.0.1:8000', fd: 3 },
    { label: 'unix:/run/shop.sock', fd: 4 },
  ]);
  t.deepEqual(decodeListeners(''), []);
});

test('an address may stand twice', (t) => {
  const text = encodeListeners([listener('127.0.0.1:8000', 9), listener('127.0.0.1:8000', 8)]);
  t.deepEqual(
    decodeListeners(text).map(({ fd }) => fd),
    [3, 4],
  );
});

test('port 0 is handed over as it was asked for', (t) => {
  t.is(encodeListeners([listener('127.0.0.1:0', 9, '127.0.0.1:41234')]), '127.0.0.1:0=3');
});

test('whatever a path is made of survives HOLDFAST_FDS', (t) => {
  const odd = [';', '=', '%', '%3D', '?', '?1:2', '\n', '\x7f', ' ', 'é', '雪', '😀', '"', "'", '$(x)', '&', '+', '.', 'a'];
  let seed = 7;
  const next = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  for (let round = 0; round < 500; round += 1) {
    const paths = Array.from({ length: next(5) }, () => `unix:/${Array.from({ length: next(8) }, () => odd[next(odd.length)]).join('')}x`);
    const text = encodeListeners(paths.map((path, index) => ({ ...listener(path, index), socketFile: { dev: '26', ino: String(index) } })));
    t.false(/[\0-\x1f\x7f]/.test(text));
    t.deepEqual(
      decodeListeners(text),
      paths.map((path, index) => ({ label: `${path}?26:${index}`, fd: 3 + index })),
    );
  }
});

for (const [text, why] of [
  ['127.0.0.1:8000', 'is not ADDRESS=DESCRIPTOR'],
  ['127.0.0.1:8000=', 'is not ADDRESS=DESCRIPTOR'],
  ['127.0.0.1:8000=x', 'is not ADDRESS=DESCRIPTOR'],
  ['127.0.0.1:8000=3x', 'is not ADDRESS=DESCRIPTOR'],
  ['127.0.0.1:8000=-3', 'is not ADDRESS=DESCRIPTOR'],
  ['127.0.0.1:8000=0x3', 'is not ADDRESS=DESCRIPTOR'],
  ['127.0.0.1:8000= 3', 'is not ADDRESS=DESCRIPTOR'],
  ['a=b=3', 'is not ADDRESS=DESCRIPTOR'],
  ['127.0.0.1:8000=2', 'descriptor 2 cannot be a listener'],
  ['127.0.0.1:8000=2147483648', 'descriptor 2147483648 cannot be a listener'],
  ['127.0.0.1:8000=3;127.0.0.1:8001=3', 'descriptor 3 stands there twice'],
  ['127.0.0.1:8000=3;127.0.0.1:8001=03', 'descriptor 3 stands there twice'],
  ['127.0.0.1:8000=3;', 'is not ADDRESS=DESCRIPTOR'],
  ['=3', '"" is no address'],
  ['localhost:80=3', 'is no address'],
  ['unix:/a%zz=3', 'stray %'],
  ['unix:/a%=3', 'stray %'],
  ['unix:/a%FF=3', 'not UTF-8'],
  ['unix:/a%00b=3', 'is no address'],
  ['x\ny=3', '"x\\ny" is no address'],
  [Array.from({ length: 10_000 }, (_, index) => `127.0.0.1:${index}=${index + 3}`).join(';'), 'more than 4096 listeners'],
] as const)
  test(`a hand-over of ${JSON.stringify(text.slice(0, 40))} is malformed: ${why}`, (t) => {
    const error = t.throws(() => decodeListeners(text), { name: 'HoldfastError' });
    t.is((error as (Error & { exitStatus?: number }) | undefined)?.exitStatus, 1);
    t.true(
      error?.message.startsWith('cannot take over: a malformed hand-over: ') &&
        error.message.includes(why) &&
        !error.message.includes('\n'),
      error?.message,
    );
  });

test('what is wanted again is adopted, what is new is bound, the rest is dropped', (t) => {
  const [old, kept] = [listener('127.0.0.1:80', 3), listener('127.0.0.1:81', 4)];
  const match = matchListeners([old, kept], addresses('127.0.0.1:82', '127.0.0.1:81'));
  t.is(match.adopt[0], kept);
  t.deepEqual(match, { adopt: [kept], drop: [old], bind: addresses('127.0.0.1:82'), overlaps: [] });
});

test('all sockets of an address are adopted', (t) => {
  const both = [listener('127.0.0.1:80', 3), listener('127.0.0.1:80', 4)];
  t.deepEqual(matchListeners(both, addresses('127.0.0.1:80')), { adopt: both, drop: [], bind: [], overlaps: [] });
});

test('port 0 is adopted as such, and under the port that it was given', (t) => {
  const chosen = listener('127.0.0.1:0', 3, '127.0.0.1:41234');
  t.deepEqual(matchListeners([chosen], addresses('127.0.0.1:0')).adopt, [chosen]);
  t.deepEqual(matchListeners([chosen], addresses('127.0.0.1:41234')).adopt, [chosen]);
  t.deepEqual(matchListeners([chosen], addresses('127.0.0.1:41235')).adopt, []);
  t.deepEqual(matchListeners([listener('127.0.0.1:41234', 3)], addresses('127.0.0.1:0')).adopt, []);
});

test('a unix socket is adopted with its file, and bound anew without', (t) => {
  const gone = listener('unix:/run/a.sock', 3);
  const here: Listener = { ...gone, socketFile: { dev: '26', ino: '7' } };
  t.deepEqual(matchListeners([here], addresses('unix:/run/a.sock')).adopt, [here]);
  t.deepEqual(matchListeners([gone], addresses('unix:/run/a.sock')), {
    adopt: [],
    drop: [gone],
    bind: addresses('unix:/run/a.sock'),
    overlaps: [],
  });
});

for (const [inherited, wanted, overlapping] of [
  ['127.0.0.1:80', '0.0.0.0:80', true],
  ['0.0.0.0:80', '127.0.0.1:80', true],
  ['[::]:80', '[::1]:80', true],
  ['127.0.0.1:80', '127.0.0.2:80', false],
  ['127.0.0.1:80', '0.0.0.0:81', false],
  ['[::]:80', '0.0.0.0:80', false],
  ['0.0.0.0:80', '[::1]:80', false],
  ['unix:/a', 'unix:@a', false],
] as const)
  test(`new ${wanted} beside inherited ${inherited} ${overlapping ? 'overlaps' : 'does not overlap'}`, (t) => {
    t.is(matchListeners([listener(inherited, 3)], addresses(wanted)).overlaps.length, overlapping ? 1 : 0);
  });

test('a port that the kernel chose overlaps too', (t) => {
  const [found] = matchListeners([listener('127.0.0.1:0', 3, '127.0.0.1:41234')], addresses('0.0.0.0:41234')).overlaps;
  t.is(found?.inherited.bound, '127.0.0.1:41234');
});
