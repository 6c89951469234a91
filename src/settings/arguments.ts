/** The command line taken apart; what the texts mean is not looked at here. */
import { parseArgs } from 'node:util';
import { EXIT, HoldfastError } from '../errors.js';
import { CATALOGUE, type Option, type OptionName, options, QUESTIONS } from './catalogue.js';
import { suggestion } from './suggestion.js';

export interface Arguments {
  readonly question?: keyof typeof QUESTIONS;
  readonly apps: readonly string[];
  /** Each text with the flag as it was typed. */
  readonly given: ReadonlyMap<OptionName, readonly Given[]>;
}

export interface Given {
  readonly text: string;
  readonly as: string;
}

type Token = NonNullable<ReturnType<typeof parse>['tokens']>[number];
type OptionToken = Extract<Token, { kind: 'option' }>;

const NAMES = new Map(Object.entries(CATALOGUE).map(([name, { flag }]) => [flag as string, name as OptionName]));
const FLAGS = [...NAMES.keys(), ...Object.keys(QUESTIONS)];

/** Throws HoldfastError, exit 2, for an option that is unknown or has no value; --help and --version are heard all the same. */
export function takeApart(argv: readonly string[]): Arguments {
  const { tokens } = parse(argv);
  const question = (['help', 'version'] as const).find((each) => tokens.some((token) => token.kind === 'option' && token.name === each));
  if (question !== undefined) return { question, apps: [], given: new Map() };
  const apps: string[] = [];
  const given = new Map<OptionName, Given[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') apps.push(token.value);
    else if (token.kind === 'option') take(token, given);
    else throw usage('cannot run a program behind --: this release serves Node apps only (leave the -- out)');
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

function take({ name: flag, rawName, value, inlineValue }: OptionToken, given: Map<OptionName, Given[]>): void {
  const name = NAMES.get(flag);
  if (name === undefined) throw unknown(flag, rawName);
  if (!('type' in CATALOGUE[name])) return takeSwitch(name, rawName, value, given);
  if (value === undefined || (!inlineValue && looksLikeOption(value))) throw missing(name, rawName);
  given.set(name, [...(given.get(name) ?? []), { text: value, as: `${rawName} ${value === '' ? "''" : value}` }]);
}

function takeSwitch(name: OptionName, rawName: string, value: string | undefined, given: Map<OptionName, Given[]>): void {
  if (value !== undefined) throw usage(`${rawName} takes no value (leave the =${value} out)`);
  given.set(name, [{ text: '', as: rawName }]);
}

/** `-` is a file's name and `-5` a wrong number, but `-w -p` a forgotten value. */
function looksLikeOption(value: string): boolean {
  return /^-[^\d.]/.test(value);
}

function unknown(flag: string, rawName: string): HoldfastError {
  const meant = rawName.startsWith('--') ? suggestion(flag, FLAGS) : undefined;
  return usage(`unknown option ${rawName}; ${meant === undefined ? 'holdfast --help lists them' : `did you mean --${meant}?`}`);
}

function missing(name: OptionName, rawName: string): HoldfastError {
  const option: Option<unknown> = CATALOGUE[name];
  const example = option.initial ?? option.type;
  return usage(`${rawName} needs a value (${rawName} ${example})`);
}

export function usage(message: string): HoldfastError {
  return new HoldfastError(message, EXIT.usage);
}
