import { readFileSync } from 'node:fs';
import test from 'ava';
import { EXIT, HoldfastError } from '#src/errors.js';
import { helpText, readSettings, type Settings, settingsReference } from '#src/settings/index.js';

type Env = Parameters<typeof readSettings>[1];

function settings(argv: readonly string[], env: Env = {}): Settings {
  const request = readSettings(argv, env);
  if (request.kind !== 'run') throw new Error(`a request to ${request.kind}`);
  return request.settings;
}

/** The one line that is said instead. */
function complaint(argv: readonly string[], env: Env = {}): string {
  try {
    readSettings(argv, env);
  } catch (error) {
    if (error instanceof HoldfastError && error.exitStatus === EXIT.usage && !error.message.includes('\n')) return error.message;
    throw error;
  }
  throw new Error(`${argv.join(' ')} is accepted`);
}

const COMMON = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"';

test('an app alone gets the defaults', (t) => {
  t.deepEqual(settings(['./server.js']), {
    app: './server.js',
    bind: ['127.0.0.1:8000'],
    workers: 1,
    daemon: false,
    timeout: 30,
    gracefulTimeout: 30,
    keepAlive: 5,
    keepAliveAsked: false,
    backlog: 2048,
    maxRequests: 0,
    maxRequestsJitter: 0,
    maxMemory: 0,
    reusePort: false,
    upgrade: 'auto',
    upgradeTimeout: 60,
    bootTimeout: 60,
    keepPid: false,
    initgroups: true,
    logLevel: 'info',
    logFile: '-',
    captureOutput: false,
    accessLogformat: settings(['--access-logformat', COMMON, 'app.js']).accessLogformat,
  });
});

test('every option is understood', (t) => {
  const argv =
    '-b :1 --bind unix:/s -w 2 -p p -D -n shop -t 0 --graceful-timeout 1.5 --keep-alive 7 --backlog 9 --reuse-port --upgrade manual --upgrade-timeout 10 --boot-timeout 11 ' +
    '--max-requests 200 --max-requests-jitter 20 --max-memory 512M --probe /up --chdir / --keep-pid -m 027 -u shop -g www --no-initgroups --log-level debug --log-file l ' +
    '--capture-output --access-logfile a --access-logformat %(h)s%%%({X-Y}i)s ' +
    '--log-syslog --log-syslog-to udp://[::1]:99 --log-syslog-prefix p.q --log-syslog-facility LOCAL7 --disable-redirect-access-to-syslog app.js#x';
  t.deepEqual(settings(argv.split(' ')), {
    app: 'app.js#x',
    bind: [':1', 'unix:/s'],
    workers: 2,
    pid: 'p',
    daemon: true,
    name: 'shop',
    timeout: 0,
    gracefulTimeout: 1.5,
    keepAlive: 7,
    keepAliveAsked: true,
    backlog: 9,
    maxRequests: 200,
    maxRequestsJitter: 20,
    maxMemory: 512 * 1024 * 1024,
    reusePort: true,
    upgrade: 'manual',
    upgradeTimeout: 10,
    bootTimeout: 11,
    probe: '/up',
    chdir: '/',
    keepPid: true,
    umask: 0o27,
    user: 'shop',
    group: 'www',
    initgroups: false,
    logLevel: 'debug',
    logFile: 'l',
    captureOutput: true,
    accessLogfile: 'a',
    accessLogformat: [{ atom: 'h' }, '%', { atom: 'i', name: 'x-y' }],
    syslog: { to: { is: 'udp', host: '::1', port: 99 }, prefix: 'p.q', facility: 23, access: false },
  });
});

test('syslog is what the system has, unless it is named', (t) => {
  const { syslog } = settings(['--log-syslog', 'app.js']);
  t.deepEqual(syslog, {
    to: { is: 'unix', path: process.platform === 'darwin' ? '/var/run/syslog' : '/dev/log' },
    facility: 1,
    access: true,
  });
  t.is(settings(['--log-syslog-facility', 'daemon', 'app.js']).syslog, undefined);
  const to = (address: string) => settings(['--log-syslog', '--log-syslog-to', address, 'app.js']).syslog?.to;
  t.deepEqual(to('unix:///run/x.sock#dgram'), { is: 'unix', path: '/run/x.sock' });
  t.deepEqual(to('udp://localhost'), { is: 'udp', host: 'localhost', port: 514 });
});

test('an access log is json, or atoms between texts that stand for themselves', (t) => {
  const format = (text: string) => settings(['--access-logformat', text, 'app.js']).accessLogformat;
  t.is(format('json'), 'json');
  t.deepEqual(format('json %(s)s'), ['json ', { atom: 's' }]);
  t.deepEqual(format('%({HOME}e)s%({Via}o)s'), [
    { atom: 'e', name: 'HOME' },
    { atom: 'o', name: 'via' },
  ]);
});

for (const way of [['-w4'], ['-w', '4'], ['--workers=4'], ['--workers', '4'], ['-w', '2', '-w', '4']]) {
  test(`${way.join(' ')} means four workers, before the app and behind it`, (t) => {
    t.is(settings([...way, 'app.js']).workers, 4);
    t.is(settings(['app.js', ...way]).workers, 4);
  });
}

test('a switch takes no value: what follows it is the app', (t) => {
  const { keepPid, app } = settings(['--keep-pid', 'app.js']);
  t.deepEqual({ keepPid, app }, { keepPid: true, app: 'app.js' });
  t.true(settings(['--keep-pid', '--keep-pid', 'app.js']).keepPid);
});

for (const argv of [
  ['--reuse-port', 'app.js'],
  ['app.js', '--reuse-port'],
  ['--reuse-port', '--reuse-port', 'app.js'],
]) {
  test(`${argv.join(' ')} sets the flag and leaves the app its name`, (t) => {
    const { reusePort, app } = settings(argv);
    t.deepEqual({ reusePort, app }, { reusePort: true, app: 'app.js' });
  });
}

for (const given of ['--reuse-port=yes', '--reuse-port=']) {
  test(`${given} is told that a flag takes no value`, (t) => {
    t.is(complaint([given, 'app.js']), `--reuse-port takes no value (leave the =${given.split('=')[1]} out)`);
  });
}

test('a mistyped flag is recognised, a flag in the help has no value', (t) => {
  t.is(complaint(['--reuseport', 'app.js']), 'unknown option --reuseport; did you mean --reuse-port?');
  t.regex(helpText(), /^ {6}--reuse-port {2,}Give each worker/m);
  t.regex(settingsReference(), /^\| `--reuse-port` \| off \| Give each worker/m);
});

test('auto is a number of processors', (t) => {
  const { workers } = settings(['-w', 'auto', 'app.js']);
  t.true(Number.isInteger(workers) && workers >= 1);
});

test('a keep-alive that is the default is asked for all the same', (t) => {
  t.true(settings(['--keep-alive', '5', 'app.js']).keepAliveAsked);
});

for (const [text, bytes] of [
  ['0', 0],
  ['1048576', 2 ** 20],
  ['64k', 65_536],
  ['512M', 512 * 2 ** 20],
  ['512mb', 512 * 2 ** 20],
  ['1.5GiB', 1.5 * 2 ** 30],
  ['2T', 2 * 2 ** 40],
  ['100B', 100],
] as const) {
  test(`--max-memory ${text} is ${bytes} bytes`, (t) => {
    t.is(settings(['--max-memory', text, 'app.js']).maxMemory, bytes);
  });
}

test('levels are read in any case, as gunicorn does', (t) => {
  t.is(settings(['--log-level', 'WARNING', 'app.js']).logLevel, 'warning');
});

test('PORT and WEB_CONCURRENCY stand in for defaults, and only for them', (t) => {
  const env = { PORT: '3000', WEB_CONCURRENCY: '3' };
  t.deepEqual(settings(['app.js'], env).bind, ['0.0.0.0:3000']);
  t.is(settings(['app.js'], env).workers, 3);
  t.deepEqual(settings(['app.js', '-b', ':1', '-w', '2'], env).bind, [':1']);
  t.is(settings(['app.js', '-b', ':1', '-w', '2'], env).workers, 2);
  t.notThrows(() => settings(['app.js', '-b', ':1', '-w', '2'], { PORT: 'x', WEB_CONCURRENCY: 'x' }));
  t.deepEqual(settings(['app.js'], { PORT: '', WEB_CONCURRENCY: '' }), settings(['app.js']));
});

const COMPLAINTS: readonly (readonly [string, string])[] = [
  ['--wrokers 4 app.js', 'unknown option --wrokers; did you mean --workers?'],
  ['--work 4 app.js', 'unknown option --work; did you mean --workers?'],
  ['--graceful_timeout=4 app.js', 'unknown option --graceful_timeout; did you mean --graceful-timeout?'],
  ['--no-such-thing app.js', 'unknown option --no-such-thing; holdfast --help lists them'],
  ['--constructor app.js', 'unknown option --constructor; holdfast --help lists them'],
  ['--keep-pid=yes app.js', '--keep-pid takes no value (leave the =yes out)'],
  ['--no-keep-pid app.js', 'unknown option --no-keep-pid; did you mean --keep-pid?'],
  ['-z app.js', 'unknown option -z; holdfast --help lists them'],
  ['app.js -w', '-w needs a value (-w 1)'],
  ['-w --pid x app.js', '-w needs a value (-w 1)'],
  ['--pid -w 4 app.js', '--pid needs a value (--pid FILE)'],
  ['--workers 0 app.js', 'cannot use --workers 0: it needs a whole number from 1 to 4096, or auto'],
  ['--workers 1.5 app.js', 'cannot use --workers 1.5: it needs a whole number from 1 to 4096, or auto'],
  ['-workers 4 app.js', 'cannot use -w orkers: it needs a whole number from 1 to 4096, or auto'],
  ['--daemon=yes app.js', '--daemon takes no value (leave the =yes out)'],
  ['-w 0 -w 2 app.js', 'cannot use -w 0: it needs a whole number from 1 to 4096, or auto'],
  ['-t soon app.js', 'cannot use -t soon: it needs a number of seconds'],
  ['-t -5 app.js', 'cannot use -t -5: a time cannot be negative'],
  ['-t 9999999 app.js', 'cannot use -t 9999999: 1000000 seconds are the most'],
  ['--boot-timeout 0 app.js', 'cannot use --boot-timeout 0: it must be more than 0 seconds'],
  ['--backlog many app.js', 'cannot use --backlog many: it needs a whole number from 1 to 2147483647'],
  ['--max-requests -1 app.js', 'cannot use --max-requests -1: it needs a whole number from 0 to 2147483647'],
  ['--max-requests 1k app.js', 'cannot use --max-requests 1k: it needs a whole number from 0 to 2147483647'],
  ['--max-requests-jitter some app.js', 'cannot use --max-requests-jitter some: it needs a whole number from 0 to 2147483647'],
  ['--max-memory lots app.js', 'cannot use --max-memory lots: it needs a size (512M, 1G, or bytes)'],
  ['--max-memory 80% app.js', 'cannot use --max-memory 80%: it needs a size (512M, 1G, or bytes)'],
  ['--max-memory -1G app.js', 'cannot use --max-memory -1G: it needs a size (512M, 1G, or bytes)'],
  ['--max-memory 1.5 app.js', 'cannot use --max-memory 1.5: it is no whole number of bytes'],
  ['--max-memory 9999999T app.js', 'cannot use --max-memory 9999999T: no machine has so much memory'],
  ['--bind= app.js', "cannot use --bind '': it is empty"],
  ['--probe health app.js', 'cannot use --probe health: a path of the app begins with / (--probe /health)'],
  ['--log-level loud app.js', 'cannot use --log-level loud: the levels are debug, info, warning, error and critical'],
  ['--capture-output=yes app.js', '--capture-output takes no value (leave the =yes out)'],
  ['--access-logformat %h app.js', 'cannot use --access-logformat %h: an atom is written %(h)s, and a percent sign %%'],
  [
    '--access-logformat %(z)s app.js',
    'cannot use --access-logformat %(z)s: there is no atom %(z)s (h l u t r m U q H s B b f a T M D L p, {header}i, {header}o, {variable}e, or json alone)',
  ],
  [
    '--log-syslog-to tcp://localhost app.js',
    'cannot use --log-syslog-to tcp://localhost: it is written unix:///PATH or udp://HOST:PORT, and only datagrams are sent',
  ],
  [
    '--log-syslog-facility - app.js',
    'cannot use --log-syslog-facility -: the facilities are kern, user, mail, daemon, auth, syslog, lpr, news, uucp, cron, authpriv, ftp, local0, local1, local2, local3, local4, local5, local6, local7',
  ],
  [
    '--log-syslog-prefix a:b app.js',
    'cannot use --log-syslog-prefix a:b: a prefix has 1 to 32 letters, digits, dots, dashes and underscores',
  ],
  ['-p \ufffd app.js', 'cannot use \ufffd: it is not UTF-8 (give it a name that is, by a link for example)'],
  ['--pid=a\ufffd app.js', 'cannot use --pid=a\ufffd: it is not UTF-8 (give it a name that is, by a link for example)'],
  [`-n ${'x'.repeat(256)} app.js`, `cannot use -n ${'x'.repeat(200)}...: it has 256 characters, and 255 are the most`],
  ['--probe /\u00fc app.js', 'cannot use --probe /\u00fc: a blank is written %20 in a path, and what is no plain ASCII as %C3%BC'],
  ['--probe /a\tb app.js', 'cannot use --probe /a\tb: a blank is written %20 in a path, and what is no plain ASCII as %C3%BC'],
  ['#app', 'no app given (holdfast [OPTIONS] APP, for example: holdfast -w 2 ./server.js)'],
  ['a.js b.js', 'one app only, but there are a.js and b.js (does an option before them take no value?)'],
  ['-w 2', 'no app given (holdfast [OPTIONS] APP, for example: holdfast -w 2 ./server.js)'],
  ['-- python app.py', 'cannot run a program behind --: this release serves Node apps only (leave the -- out)'],
];

for (const [line, said] of COMPLAINTS) {
  test(`holdfast ${line}: ${said}`, (t) => {
    t.is(complaint(line.split(' ')), said);
  });
}

test('a variable that cannot be used is named', (t) => {
  t.is(complaint(['app.js'], { PORT: 'http' }), 'cannot use PORT=http: it needs a whole number from 0 to 65535');
  t.is(complaint(['app.js'], { PORT: '65536' }), 'cannot use PORT=65536: it needs a whole number from 0 to 65535');
  t.is(complaint(['app.js'], { WEB_CONCURRENCY: '0' }), 'cannot use WEB_CONCURRENCY=0: it needs a whole number from 1 to 4096, or auto');
});

test('--help and --version are heard whatever stands beside them', (t) => {
  t.deepEqual(readSettings(['--wrokers', '-h'], {}), { kind: 'help' });
  t.deepEqual(readSettings(['a.js', 'b.js', '--version'], {}), { kind: 'version' });
});

test('the help fits 80 columns and names every option', (t) => {
  const help = helpText();
  t.deepEqual(
    help.split('\n').filter((line) => line.length > 80),
    [],
  );
  for (const flag of ['--bind', '--workers', '--graceful-timeout', '--probe', '--version', '--help'])
    t.regex(help, new RegExp(`${flag}\\b`));
  t.regex(help, /^Usage: holdfast \[OPTIONS\] APP\n/);
  t.regex(help, /\[0\.0\.0\.0:\$PORT or\s+127\.0\.0\.1:8000\]/);
});

test('the committed settings reference is the generated one (npm run docs)', (t) => {
  t.is(readFileSync('docs/settings.md', 'utf8'), settingsReference());
});

test('a umask is octal, whatever it begins with', (t) => {
  for (const [text, mask] of [
    ['0', 0],
    ['22', 0o22],
    ['0022', 0o22],
    ['0o77', 0o77],
    ['777', 0o777],
  ] as const)
    t.is(settings(['-m', text, 'app.js']).umask, mask, text);
  for (const text of ['8', '1000', '0x12', 'u=rwx', '-22'])
    t.regex(complaint(['-m', text, 'app.js']), /^cannot use -m .*: it needs an octal mask from 0 to 0777$/, text);
});
