/** What --help prints. Pure. */
import { type Option, options, QUESTIONS } from './catalogue.js';

const WIDTH = 80;
const COLUMN = 30;

const SIGNALS = `Signals to the master:
  USR2        upgrade: a new master with new code; the old one drains and leaves
  HUP         reload the app: new workers accept before the old ones drain
  TERM        graceful stop
  INT, QUIT   quick stop
  TTIN, TTOU  one worker more, one worker fewer
  WINCH       drain the workers, keep the master; HUP brings them back
  USR1        reopen the log files
`;

const ENVIRONMENT = `Environment:
  HOLDFAST_CMD_ARGS  options, quoted as for a shell; the command line
                     overrules them, and they overrule what follows
  PORT               the port of 0.0.0.0, where no --bind is given
  WEB_CONCURRENCY    the number of workers, where no --workers is given
`;

const EXAMPLE = `Example:
  holdfast -b 0.0.0.0:8000 -w 4 -p /run/shop.pid ./server.js
  kill -USR2 $(cat /run/shop.pid)
`;

/** Fits 80 columns. */
export function helpText(): string {
  const rows = [...options().map(row), ...Object.values(QUESTIONS).map((question) => columns(flags(question), question.sentence))];
  const about = paragraph(
    'APP is a module, MODULE or MODULE#EXPORT: a file or a package that exports a request handler or a server that does not listen yet.',
  );
  return `Usage: holdfast [OPTIONS] APP\n\n${about}\n\nOptions:\n${rows.join('\n')}\n\n${SIGNALS}\n${ENVIRONMENT}\n${EXAMPLE}`;
}

/** What counts when the option is not given, the first that is there. */
export function defaultsOf({ initial, variable }: Option<unknown>): readonly string[] {
  const standIn = variable === undefined ? [] : [variable.spelt(`$${variable.name}`)];
  return initial === undefined ? standIn : [...standIn, initial];
}

function row(option: Option<unknown>): string {
  const defaults = defaultsOf(option);
  return columns(
    option.type === undefined ? flags(option) : `${flags(option)} ${option.type}`,
    defaults.length === 0 ? option.sentence : `${option.sentence} [${defaults.join(' or ')}]`,
  );
}

function flags({ flag, short }: { readonly flag: string; readonly short?: string }): string {
  return short === undefined ? `    --${flag}` : `-${short}, --${flag}`;
}

function columns(left: string, right: string): string {
  const lines = wrap(right, WIDTH - COLUMN);
  // A long name has a line of its own.
  const [first = '', ...rest] = left.length + 3 < COLUMN ? lines : ['', ...lines];
  return [`  ${left}`.padEnd(COLUMN) + first, ...rest.map((line) => ' '.repeat(COLUMN) + line)].join('\n');
}

function paragraph(text: string): string {
  return wrap(text, WIDTH).join('\n');
}

function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
