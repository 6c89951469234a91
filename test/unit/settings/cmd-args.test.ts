import test from 'ava';
import { EXIT, HoldfastError } from '#src/errors.js';
import { helpText, readSettings, type Settings, settingsReference } from '#src/settings/index.js';
import { splitWords } from '#src/settings/words.js';

function settings(text: string, argv: readonly string[] = ['app.js'], env: Readonly<Record<string, string>> = {}): Settings {
  const request = readSettings(argv, { ...env, HOLDFAST_CMD_ARGS: text });
  if (request.kind !== 'run') throw new Error(`a request to ${request.kind}`);
  return request.settings;
}

function complaint(text: string, argv?: readonly string[]): string {
  try {
    settings(text, argv);
  } catch (error) {
    if (error instanceof HoldfastError && error.exitStatus === EXIT.usage) return error.message;
    throw error;
  }
  throw new Error(`${text} is accepted`);
}

/** As Python 3.11's shlex.split() takes them apart. */
const WORDS: readonly (readonly [string, readonly string[]])[] = [
  ['', []],
  [' \t\n ', []],
  ['-w 4\t-D\n--pid  x', ['-w', '4', '-D', '--pid', 'x']],
  [`--name 'my shop'`, ['--name', 'my shop']],
  ['--name "my shop"', ['--name', 'my shop']],
  ['--name my\\ shop', ['--name', 'my shop']],
  [`a'b c'd"e f"g`, ['ab cde fg']],
  [`'' ""`, ['', '']],
  [`"a\\"b\\\\c\\d\\e$X"`, ['a"b\\c\\d\\e$X']],
  [`'a\\b"c'`, ['a\\b"c']],
  ['a\\\\b \\"c\\"', ['a\\b', '"c"']],
  ['$HOME `x` *.js #no ~', ['$HOME', '`x`', '*.js', '#no', '~']],
  [`'two\nlines'`, ['two\nlines']],
];

for (const [text, words] of WORDS) {
  test(`${JSON.stringify(text)} is ${words.length} words`, (t) => {
    t.deepEqual(splitWords(text, 'X'), words);
  });
}

test('HOLDFAST_CMD_ARGS stands between the other variables and the command line', (t) => {
  const env = { PORT: '3000', WEB_CONCURRENCY: '3' };
  const { workers, bind, name, daemon, keepAliveAsked } = settings(`-w 5 -b :1 -b :2 -n 'my shop' -D --keep-alive 5`, ['app.js'], env);
  t.deepEqual(
    { workers, bind, name, daemon, keepAliveAsked },
    { workers: 5, bind: [':1', ':2'], name: 'my shop', daemon: true, keepAliveAsked: true },
  );
  const typed = settings('-w 5 -b :1 -n shop', ['app.js', '-w', '7', '--bind', ':9'], env);
  t.deepEqual([typed.workers, typed.bind, typed.name], [7, [':9'], 'shop']);
  t.deepEqual(settings('', ['app.js'], env), settings(' ', ['app.js'], env));
  t.is(settings('', ['app.js'], env).workers, 3);
});

test('of two that contradict each other that of the command line counts', (t) => {
  t.false(settings('--no-initgroups').initgroups);
  t.true(settings('--no-initgroups', ['--initgroups', 'app.js']).initgroups);
  t.false(settings('--initgroups', ['--no-initgroups', 'app.js']).initgroups);
});

test('where the addresses stand is known, for what is wrong with them is found out later', (t) => {
  t.is(settings('-b :1').bindFrom, 'HOLDFAST_CMD_ARGS');
  t.is(settings('-b :1', ['app.js', '-b', ':2']).bindFrom, undefined);
  t.is(settings('-w 2').bindFrom, undefined);
});

const COMPLAINTS: readonly (readonly [string, string])[] = [
  ['--wrokers 4', 'unknown option --wrokers in HOLDFAST_CMD_ARGS; did you mean --workers?'],
  ['-w 0', 'cannot use -w 0 in HOLDFAST_CMD_ARGS: it needs a whole number from 1 to 4096, or auto'],
  ["-n ''", "cannot use -n '' in HOLDFAST_CMD_ARGS: it is empty"],
  ['-D=yes', 'unknown option -= in HOLDFAST_CMD_ARGS; holdfast --help lists them'],
  ['--daemon=yes', '--daemon in HOLDFAST_CMD_ARGS takes no value (leave the =yes out)'],
  ['--pid', '--pid in HOLDFAST_CMD_ARGS needs a value (--pid FILE)'],
  ['./server.js', 'cannot use HOLDFAST_CMD_ARGS: ./server.js is no option (the app is named on the command line)'],
  ["-w 2 ''", "cannot use HOLDFAST_CMD_ARGS: '' is no option (the app is named on the command line)"],
  ['-- x', 'cannot run a program behind -- in HOLDFAST_CMD_ARGS: this release serves Node apps only (leave the -- out)'],
  ['-h', 'cannot use HOLDFAST_CMD_ARGS: --help is for the command line (leave it out)'],
  ["-n 'shop", "cannot use HOLDFAST_CMD_ARGS: a quote has no end (')"],
  ['-n "shop\\"', 'cannot use HOLDFAST_CMD_ARGS: a quote has no end (")'],
  ['-n shop\\', 'cannot use HOLDFAST_CMD_ARGS: it ends with a backslash (leave it out, or write it twice)'],
];

for (const [text, said] of COMPLAINTS) {
  test(`HOLDFAST_CMD_ARGS=${text}: ${said}`, (t) => {
    t.is(complaint(text), said);
  });
}

test('what is wrong in the variable is wrong also where the command line overrules it, but --help is heard', (t) => {
  t.regex(complaint('--nothing', ['-w', '2', 'app.js']), /unknown option --nothing in HOLDFAST_CMD_ARGS/);
  t.deepEqual(readSettings(['--help'], { HOLDFAST_CMD_ARGS: "'" }), { kind: 'help' });
});

test('the help and the reference name it', (t) => {
  t.regex(helpText(), /^ {2}HOLDFAST_CMD_ARGS {2}options/m);
  t.regex(settingsReference(), /`HOLDFAST_CMD_ARGS`/);
});
