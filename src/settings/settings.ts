/** From a command line and an environment to settings. */
import type { AccessFormat } from './access-format.js';
import { type Arguments, CMD_ARGS, takeApart, usage } from './arguments.js';
import { CATALOGUE, type LogLevel, type Option, type OptionName } from './catalogue.js';
import type { SyslogSettings } from './syslog.js';
import type { UpgradeMode } from './values.js';

/** Times are seconds; paths are as they were given. */
export interface Settings {
  readonly app: string;
  readonly bind: readonly string[];
  /** The variable that they stand in, if they do: what is wrong with them is found out later. */
  readonly bindFrom?: string;
  readonly workers: number;
  readonly pid?: string;
  readonly daemon: boolean;
  readonly name?: string;
  /** 0 is off. */
  readonly timeout: number;
  readonly gracefulTimeout: number;
  readonly keepAlive: number;
  /** Whether --keep-alive was given: only then it overrules the app's own. */
  readonly keepAliveAsked: boolean;
  readonly backlog: number;
  /** 0 is off, for this and the next two. */
  readonly maxRequests: number;
  readonly maxRequestsJitter: number;
  /** Bytes. */
  readonly maxMemory: number;
  /** A socket for each worker on the TCP addresses. */
  readonly reusePort: boolean;
  readonly upgrade: UpgradeMode;
  readonly upgradeTimeout: number;
  readonly bootTimeout: number;
  readonly probe?: string;
  readonly chdir?: string;
  readonly keepPid: boolean;
  readonly user?: string;
  readonly group?: string;
  readonly initgroups: boolean;
  readonly umask?: number;
  readonly logLevel: LogLevel;
  readonly logFile: string;
  readonly captureOutput: boolean;
  readonly accessLogfile?: string;
  readonly accessLogformat: AccessFormat;
  readonly syslog?: SyslogSettings;
}

export type Request = { readonly kind: 'run'; readonly settings: Settings } | { readonly kind: 'help' } | { readonly kind: 'version' };

export type Environment = Readonly<Record<string, string | undefined>>;

type Value<Name extends OptionName> = (typeof CATALOGUE)[Name] extends Option<infer T> ? T : never;
type Defaulted = { [Name in OptionName]: (typeof CATALOGUE)[Name] extends { initial: string } ? Name : never }[OptionName];

/**
 * Throws HoldfastError, exit 2, with the one line that says what is wrong and what to do.
 * @param argv what follows the program's own name
 */
export function readSettings(argv: readonly string[], env: Environment): Request {
  const { question, apps, given } = takeApart(argv, env[CMD_ARGS]);
  if (question !== undefined) return { kind: question };
  const texts = new Texts(given, env);
  const settings: Settings = {
    bind: texts.all('bind'),
    workers: texts.last('workers'),
    daemon: given.has('daemon'),
    timeout: texts.last('timeout'),
    gracefulTimeout: texts.last('gracefulTimeout'),
    keepAlive: texts.last('keepAlive'),
    keepAliveAsked: given.has('keepAlive'),
    backlog: texts.last('backlog'),
    maxRequests: texts.last('maxRequests'),
    maxRequestsJitter: texts.last('maxRequestsJitter'),
    maxMemory: texts.last('maxMemory'),
    reusePort: given.has('reusePort'),
    upgrade: texts.last('upgrade'),
    upgradeTimeout: texts.last('upgradeTimeout'),
    bootTimeout: texts.last('bootTimeout'),
    keepPid: given.has('keepPid'),
    initgroups: !given.has('noInitgroups'),
    logLevel: texts.last('logLevel'),
    logFile: texts.last('logFile'),
    captureOutput: given.has('captureOutput'),
    accessLogformat: texts.last('accessLogformat'),
    ...bindFrom(given),
    ...texts.ifGiven('accessLogfile'),
    ...syslog(texts, given),
    ...texts.ifGiven('pid'),
    ...texts.ifGiven('name'),
    ...texts.ifGiven('probe'),
    ...texts.ifGiven('chdir'),
    ...texts.ifGiven('user'),
    ...texts.ifGiven('group'),
    ...texts.ifGiven('umask'),
    // Last, so that `-workers 4 app.js` is told about its dash and not about two apps.
    app: onlyApp(apps),
  };
  return { kind: 'run', settings };
}

function bindFrom(given: Arguments['given']): { readonly bindFrom?: string } {
  const from = given.get('bind')?.at(-1)?.from;
  return from === undefined ? {} : { bindFrom: from };
}

/** What is said about syslog is looked at whether it is asked for or not. */
function syslog(texts: Texts, given: Arguments['given']): { readonly syslog?: SyslogSettings } {
  const { logSyslogPrefix: prefix } = texts.ifGiven('logSyslogPrefix');
  const settings = {
    to: texts.last('logSyslogTo'),
    facility: texts.last('logSyslogFacility'),
    ...(prefix === undefined ? {} : { prefix }),
  };
  return given.has('logSyslog') ? { syslog: { ...settings, access: !given.has('disableRedirectAccessToSyslog') } } : {};
}

class Texts {
  readonly #given: Arguments['given'];
  readonly #env: Environment;

  constructor(given: Arguments['given'], env: Environment) {
    this.#given = given;
    this.#env = env;
  }

  /** Every value of an option that may be repeated. A wrong one that is overruled by a later one is wrong all the same. */
  all<Name extends OptionName>(name: Name): Value<Name>[] {
    const option: Option<unknown> = CATALOGUE[name];
    const given = this.#given.get(name) ?? this.#standIn(option);
    return given.map(({ text, as }) => option.parse(text, as) as Value<Name>);
  }

  last<Name extends Defaulted>(name: Name): Value<Name> {
    return this.all(name).at(-1) as Value<Name>;
  }

  ifGiven<Name extends OptionName>(name: Name): { [Key in Name]?: Value<Name> } {
    const value = this.all(name).at(-1);
    return value === undefined ? {} : ({ [name]: value } as { [Key in Name]?: Value<Name> });
  }

  /** The variable, else the default. An empty variable is none: `PORT=` in an env file. */
  #standIn({ variable, initial }: Option<unknown>): { readonly text: string; readonly as: string }[] {
    const text = variable === undefined ? undefined : this.#env[variable.name];
    if (variable === undefined || text === undefined || text === '') return initial === undefined ? [] : [{ text: initial, as: initial }];
    const as = `${variable.name}=${text}`;
    variable.check?.(text, as);
    return [{ text: variable.spelt(text), as }];
  }
}

function onlyApp([app, second]: readonly string[]): string {
  if (app === undefined || app === '' || app.startsWith('#'))
    throw usage('no app given (holdfast [OPTIONS] APP, for example: holdfast -w 2 ./server.js)');
  if (second !== undefined) throw usage(`one app only, but there are ${app} and ${second} (does an option before them take no value?)`);
  return app;
}
