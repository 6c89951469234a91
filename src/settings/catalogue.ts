/** Every option in one table: the command line, --help and the settings reference are read from it. */
import { type AccessFormat, accessFormat } from './access-format.js';
import { SYSLOG_INITIAL, type SyslogAddress, syslogAddress, syslogFacility, syslogPrefix } from './syslog.js';
import {
  count,
  filled,
  type LogLevel,
  label,
  level,
  on,
  type Parse,
  port,
  positive,
  positiveSeconds,
  seconds,
  size,
  type UpgradeMode,
  umask,
  upgradeMode,
  urlPath,
  workers,
} from './values.js';

export type { LogLevel } from './values.js';

/** An environment variable that stands in for the default. */
export interface Variable {
  readonly name: string;
  /** Throws HoldfastError, exit 2; where the option's own parser would let too much pass. */
  readonly check?: Parse<unknown>;
  /** As it would be typed for the option. */
  readonly spelt: (text: string) => string;
}

export interface Option<T> {
  /** Without its dashes. */
  readonly flag: string;
  readonly short?: string;
  /** What stands in for the value in the usage; undefined for a switch, which takes none. */
  readonly type?: string;
  /** Given once or more; the value is the list. */
  readonly repeatable?: boolean;
  /** As it would be typed; undefined when there is none. */
  readonly initial?: string;
  readonly variable?: Variable;
  readonly sentence: string;
  /** Throws HoldfastError, exit 2. */
  readonly parse: Parse<T>;
}

export const CATALOGUE = {
  bind: {
    flag: 'bind',
    short: 'b',
    type: 'ADDRESS',
    repeatable: true,
    initial: '127.0.0.1:8000',
    variable: { name: 'PORT', check: port, spelt: (text) => `0.0.0.0:${text}` },
    sentence: 'Listen here; may be given several times. HOST:PORT, [V6]:PORT, :PORT, unix:PATH, unix:@ABSTRACT or fd://N.',
    parse: filled,
  } satisfies Option<string>,
  workers: {
    flag: 'workers',
    short: 'w',
    type: 'N',
    initial: '1',
    variable: { name: 'WEB_CONCURRENCY', spelt: (text) => text },
    sentence: 'Number of worker processes, or auto for one on each processor that the control group allows.',
    parse: workers,
  } satisfies Option<number>,
  pid: {
    flag: 'pid',
    short: 'p',
    type: 'FILE',
    sentence: 'Write the pid of the master in charge to this file.',
    parse: filled,
  } satisfies Option<string>,
  daemon: {
    flag: 'daemon',
    short: 'D',
    sentence: 'Go into the background: the command returns 0 when the master is ready, else its exit status with the reason.',
    parse: on,
  } satisfies Option<true>,
  name: {
    flag: 'name',
    short: 'n',
    type: 'NAME',
    sentence: "Name in the process title and the log; the app's file name if not given.",
    parse: label,
  } satisfies Option<string>,
  timeout: {
    flag: 'timeout',
    short: 't',
    type: 'SEC',
    initial: '30',
    sentence: 'Replace a worker whose event loop has been blocked for this long; 0 turns it off.',
    parse: seconds,
  } satisfies Option<number>,
  gracefulTimeout: {
    flag: 'graceful-timeout',
    type: 'SEC',
    initial: '30',
    sentence: 'A draining worker has this long to finish what it has begun.',
    parse: seconds,
  } satisfies Option<number>,
  keepAlive: {
    flag: 'keep-alive',
    type: 'SEC',
    initial: '5',
    sentence: 'How long an idle connection waits for its next request; where the app sets its own, only if given.',
    parse: seconds,
  } satisfies Option<number>,
  backlog: {
    flag: 'backlog',
    type: 'N',
    initial: '2048',
    sentence: 'Connections that may wait to be accepted; the kernel has a limit of its own (net.core.somaxconn).',
    parse: positive,
  } satisfies Option<number>,
  maxRequests: {
    flag: 'max-requests',
    type: 'N',
    initial: '0',
    sentence: 'Recycle a worker that has served this many requests: another one accepts before it drains; 0 turns it off.',
    parse: count,
  } satisfies Option<number>,
  maxRequestsJitter: {
    flag: 'max-requests-jitter',
    type: 'N',
    initial: '0',
    sentence: 'Add to --max-requests, for each worker anew, a random number from 0 to this.',
    parse: count,
  } satisfies Option<number>,
  maxMemory: {
    flag: 'max-memory',
    type: 'SIZE',
    initial: '0',
    sentence: 'Recycle a worker whose resident memory is more than this, in bytes or as in 512M or 1G; 0 turns it off.',
    parse: size,
  } satisfies Option<number>,
  reusePort: {
    flag: 'reuse-port',
    sentence: 'Give each worker sockets of its own for the TCP addresses (SO_REUSEPORT), between which the kernel divides the connections.',
    parse: on,
  } satisfies Option<true>,
  upgrade: {
    flag: 'upgrade',
    type: 'MODE',
    initial: 'auto',
    sentence: 'After USR2: auto commits when the new generation is ready; manual lets both serve until TERM to one of the two masters.',
    parse: upgradeMode,
  } satisfies Option<UpgradeMode>,
  upgradeTimeout: {
    flag: 'upgrade-timeout',
    type: 'SEC',
    initial: '60',
    sentence: 'Roll an upgrade back if the new generation is not ready after this long.',
    parse: positiveSeconds,
  } satisfies Option<number>,
  bootTimeout: {
    flag: 'boot-timeout',
    type: 'SEC',
    initial: '60',
    sentence: 'A new worker has this long to load the app and to pass the probe, and as long to accept when it is told to.',
    parse: positiveSeconds,
  } satisfies Option<number>,
  probe: {
    flag: 'probe',
    type: 'PATH',
    sentence: 'GET this inside each new worker before it accepts; 2xx and 3xx pass.',
    parse: urlPath,
  } satisfies Option<string>,
  chdir: {
    flag: 'chdir',
    type: 'DIR',
    sentence: 'Change to this directory before the app is loaded.',
    parse: filled,
  } satisfies Option<string>,
  keepPid: {
    flag: 'keep-pid',
    sentence: 'Stay as the process that a supervisor watches until the last generation has ended; process 1 does so unasked.',
    parse: on,
  } satisfies Option<true>,
  user: {
    flag: 'user',
    short: 'u',
    type: 'USER',
    sentence: 'Workers run as this user, by name or number, and with its group if none is given; for a master that root starts.',
    parse: filled,
  } satisfies Option<string>,
  group: {
    flag: 'group',
    short: 'g',
    type: 'GROUP',
    sentence: 'Workers run with this group, by name or number.',
    parse: filled,
  } satisfies Option<string>,
  initgroups: {
    flag: 'initgroups',
    sentence: "Workers have all of the user's groups; as always with --user.",
    parse: on,
  } satisfies Option<true>,
  noInitgroups: {
    flag: 'no-initgroups',
    sentence: 'Workers have the one group alone.',
    parse: on,
  } satisfies Option<true>,
  umask: {
    flag: 'umask',
    short: 'm',
    type: 'MASK',
    sentence: 'Octal mask of the permissions that new files and unix sockets do not get, here and in the workers; unchanged if not given.',
    parse: umask,
  } satisfies Option<number>,
  logLevel: {
    flag: 'log-level',
    type: 'LEVEL',
    initial: 'info',
    sentence: 'Log from this level on: debug, info, warning, error or critical.',
    parse: level,
  } satisfies Option<LogLevel>,
  logFile: {
    flag: 'log-file',
    type: 'FILE',
    initial: '-',
    sentence: 'Where the log goes; - is the standard output.',
    parse: filled,
  } satisfies Option<string>,
  captureOutput: {
    flag: 'capture-output',
    sentence: 'What the app prints goes to the log file, too: stdout and stderr of the workers.',
    parse: on,
  } satisfies Option<true>,
  accessLogfile: {
    flag: 'access-logfile',
    type: 'FILE',
    sentence: 'Write a line for each exchange to this file; - is the standard output.',
    parse: filled,
  } satisfies Option<string>,
  accessLogformat: {
    flag: 'access-logformat',
    type: 'FORMAT',
    initial: '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"',
    sentence: "Such a line: gunicorn's atoms, or json.",
    parse: accessFormat,
  } satisfies Option<AccessFormat>,
  logSyslog: {
    flag: 'log-syslog',
    sentence: 'Send the log and the access log to syslog, too.',
    parse: on,
  } satisfies Option<true>,
  logSyslogTo: {
    flag: 'log-syslog-to',
    type: 'ADDRESS',
    initial: SYSLOG_INITIAL,
    sentence: 'Where syslog listens: unix:///PATH or udp://HOST:PORT.',
    parse: syslogAddress,
  } satisfies Option<SyslogAddress>,
  logSyslogPrefix: {
    flag: 'log-syslog-prefix',
    type: 'NAME',
    sentence: "Call the program holdfast.NAME in syslog; the app's name if not given.",
    parse: syslogPrefix,
  } satisfies Option<string>,
  logSyslogFacility: {
    flag: 'log-syslog-facility',
    type: 'NAME',
    initial: 'user',
    sentence: "Syslog's facility: user, daemon, local0 to local7, ...",
    parse: syslogFacility,
  } satisfies Option<number>,
  disableRedirectAccessToSyslog: {
    flag: 'disable-redirect-access-to-syslog',
    sentence: 'Send only the log to syslog, and not the access log.',
    parse: on,
  } satisfies Option<true>,
} as const;

export type OptionName = keyof typeof CATALOGUE;

/** They take no value, and nothing else is looked at when one of them is given. */
export const QUESTIONS = {
  version: { flag: 'version', sentence: 'Print the version and leave.' },
  help: { flag: 'help', short: 'h', sentence: 'Print this and leave.' },
} as const satisfies Record<string, { flag: string; short?: string; sentence: string }>;

/** The table's rows in its order, each as the general kind. */
export function options(): readonly Option<unknown>[] {
  return Object.values(CATALOGUE);
}
