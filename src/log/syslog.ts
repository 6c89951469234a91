/** The log's way to syslog (any role): one datagram for each line. */
import { hostname } from 'node:os';
import type { SyslogSettings } from '../settings/index.js';
import { Datagrams } from './datagrams.js';
import { frame, INFO, SEVERITIES } from './syslog-frame.js';
import { openUdp } from './udp.js';
import { openUnixDatagrams } from './unix-datagrams.js';

export interface Syslog {
  /** Called once when nobody takes the lines, and again when that is over. */
  onTrouble: (why: string) => void;
  /** A line, with or without its newline. Never throws, and never waits. */
  send(severity: number, line: string): void;
  /** The same under the tag of the access log, if that goes here; undefined otherwise. */
  readonly sendAccess: ((line: string) => void) | undefined;
  /** Before the end of the process: gives a slow syslog a last chance. */
  flush(): void;
  /** Do not keep the process alive. */
  unref(): void;
}

/** Throws HoldfastError, exit 1: no unix datagrams on this platform. That nobody listens is no error. */
export function openSyslog({ to, prefix, facility, access }: SyslogSettings, name: string): Syslog {
  const datagrams = new Datagrams(to.is === 'unix' ? openUnixDatagrams(to.path) : openUdp(to.host, to.port), labelOf(to));
  // A socket of this machine's own needs no host's name. RFC 3164 4.1.2, syslog(3)
  const host = to.is === 'unix' ? undefined : hostname();
  const program = `holdfast.${(prefix ?? name).replaceAll(/[^\w.-]/g, '_')}`;
  const send = (severity: number, tag: string, line: string): void =>
    datagrams.send(frame({ priority: facility * 8 + severity, host, tag, pid: process.pid, line }, new Date()));
  return {
    set onTrouble(listener: (why: string) => void) {
      datagrams.onTrouble = listener;
    },
    send: (severity, line) => send(severity, program, line),
    sendAccess: access ? (line) => send(INFO, `${program}.access`, line) : undefined,
    flush: () => datagrams.flush(),
    unref: () => datagrams.rest(),
  };
}

/** Of a line as pino writes it: its level stands first. */
export function severityOf(line: string): number {
  return SEVERITIES.get(/^\{"level":"(\w+)"/.exec(line)?.[1] ?? '') ?? INFO;
}

function labelOf(to: SyslogSettings['to']): string {
  return to.is === 'unix' ? to.path : `udp://${to.host.includes(':') ? `[${to.host}]` : to.host}:${to.port}`;
}
