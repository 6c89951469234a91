/** The command line taken apart; what the texts mean is not looked at here. */
import { parseArgs } from 'node:util';
import { EXIT, HoldfastError } from '../errors.js';
import { CATALOGUE, type Option, type OptionName, options, QUESTIONS } from './catalogue.js';
import { suggestion } from './suggestion.js';
import { splitWords } from './words.js';

export interface Arguments {
  readonly question?: keyof typeof QUESTIONS;
  readonly apps: readonly string[];
  readonly given: GivenOptions;
}

/** Each text with the flag as it was typed. */
export type GivenOptions = ReadonlyMap<OptionName, readonly Given[]>;

export interface Given {
  readonly text: string;
  readonly as: string;
  /** The variable that it stands in, where it is not the command line. */
  readonly from?: string;
}

/** As gunicorn's GUNICORN_CMD_ARGS: options, below those of the command line. */
export const CMD_ARGS = 'HOLDFAST_CMD_ARGS';

const LONGEST_SHOWN = 200;

/** Of two that contradict each other the command line's counts. */
const OPPOSITES: ReadonlyMap<OptionName, OptionName> = new Map([
  ['initgroups', 'noInitgroups'],
  ['noInitgroups', 'initgroups'],
]);

type Token = NonNullable<ReturnType<typeof parse>['tokens']>[number];
type OptionToken = Extract<Token, { kind: 'option' }>;

const NAMES = new Map(Object.entries(CATALOGUE).map(([name, { flag }]) => [flag as string, name as OptionName]));
const FLAGS = [...NAMES.keys(), ...Object.keys(QUESTIONS)];

/**
 * Throws HoldfastError, exit 2, for an option that is unknown or has no value; --help and --version are heard all the same.
 * @param variable what HOLDFAST_CMD_ARGS says
 */
export function takeApart(argv: readonly string[], variable = ''): Arguments {
  const { tokens } = parse(argv);
  const question = (['help', 'version'] as const).find((each) => asks(tokens, each));
  if (question !== undefined) return { question, apps: [], given: new Map() };
  refuseGarbled(argv);
  const typed = takeTokens(tokens);
  return { ...typed, given: overruled(inVariable(variable), typed.given) };
}

function asks(tokens: readonly Token[], question: keyof typeof QUESTIONS): boolean {
  return tokens.some((token) => token.kind === 'option' && token.name === question);
}

/** An option of the command line takes the place of all that the variable says of it: `-b` does not add to it. */
function overruled(below: GivenOptions, above: GivenOptions): GivenOptions {
  const kept = [...below].filter(([name]) => !above.has(OPPOSITES.get(name) ?? name));
  return new Map([...kept, ...above]);
}

/** What Node puts in the place of bytes that are no UTF-8: a file of that name is another file, and the next generation would be told of that one. */
function refuseGarbled(words: readonly string[], from?: string): void {
  const garbled = words.find((word) => word.includes('\ufffd'));
  if (garbled !== undefined)
    throw usage(`cannot use ${garbled}${inside(from)}: it is not UTF-8 (give it a name that is, by a link for example)`);
}

function inVariable(text: string): GivenOptions {
  const words = splitWords(text, CMD_ARGS);
  refuseGarbled(words, CMD_ARGS);
  const { tokens } = parse(words);
  const question = (['help', 'version'] as const).find((each) => asks(tokens, each));
  if (question !== undefined) throw usage(`cannot use ${CMD_ARGS}: --${question} is for the command line (leave it out)`);
  const { apps, given } = takeTokens(tokens, CMD_ARGS);
  if (apps.length === 0) return given;
  throw usage(`cannot use ${CMD_ARGS}: ${apps[0] === '' ? "''" : apps[0]} is no option (the app is named on the command line)`);
}

function takeTokens(tokens: readonly Token[], from?: string): Pick<Arguments, 'apps' | 'given'> {
  const apps: string[] = [];
  const given = new Map<OptionName, Given[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') apps.push(token.value);
    else if (token.kind === 'option') take(token, given, from);
    else throw usage(`cannot run a program behind --${inside(from)}: this release serves Node apps only (leave the -- out)`);
  }
  return { apps, given };
}

/** Not strict: its messages are for programmers. */
function parse(argv: readonly string[]) {
  const known = Object.fromEntries([
    ...options().map(({ flag, short, type }) => [flag, { type: kind(type), ...(short === undefined ? {} : { short }) }]),
    [QUESTIONS.version.flag, { type: 'boolean' as const }],
    [QUESTIONS.help.flag, { type: 'boolean' as const, short: QUESTIONS.help.short }],
  ]);
  return parseArgs({ args: [...argv], options: known, strict: false, tokens: true });
}

function kind(type: string | undefined): 'string' | 'boolean' {
  return type === undefined ? 'boolean' : 'string';
}

function take(token: OptionToken, given: Map<OptionName, Given[]>, from: string | undefined): void {
  const { name: flag, rawName, value, inlineValue } = token;
  const name = NAMES.get(flag);
  if (name === undefined) throw unknown(flag, rawName, from);
  if (!('type' in CATALOGUE[name])) return takeSwitch(name, token, given, from);
  if (value === undefined || (!inlineValue && looksLikeOption(value))) throw missing(name, rawName, from);
  const as = `${rawName} ${shown(value)}${inside(from)}`;
  given.set(name, [...(given.get(name) ?? []), { text: value, as, ...(from === undefined ? {} : { from }) }]);
}

/** A line is to be read. */
function shown(value: string): string {
  if (value === '') return "''";
  return value.length > LONGEST_SHOWN ? `${value.slice(0, LONGEST_SHOWN)}...` : value;
}

function takeSwitch(name: OptionName, { rawName, value }: OptionToken, given: Map<OptionName, Given[]>, from: string | undefined): void {
  if (value !== undefined) throw usage(`${rawName}${inside(from)} takes no value (leave the =${value} out)`);
  given.set(name, [{ text: '', as: rawName }]);
}

/** Where an operator has to look for it. */
function inside(from: string | undefined): string {
  return from === undefined ? '' : ` in ${from}`;
}

/** `-` is a file's name and `-5` a wrong number, but `-w -p` a forgotten value. */
function looksLikeOption(value: string): boolean {
  return /^-[^\d.]/.test(value);
}

function unknown(flag: string, rawName: string, from: string | undefined): HoldfastError {
  const meant = rawName.startsWith('--') ? suggestion(flag, FLAGS) : undefined;
  return usage(
    `unknown option ${rawName}${inside(from)}; ${meant === undefined ? 'holdfast --help lists them' : `did you mean --${meant}?`}`,
  );
}

function missing(name: OptionName, rawName: string, from: string | undefined): HoldfastError {
  const option: Option<unknown> = CATALOGUE[name];
  const example = option.initial ?? option.type;
  return usage(`${rawName}${inside(from)} needs a value (${rawName} ${example})`);
}

export function usage(message: string): HoldfastError {
  return new HoldfastError(message, EXIT.usage);
}
