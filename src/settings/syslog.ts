/** `--log-syslog-*`. Pure. */
import { type Parse, unusable } from './values.js';

export type SyslogAddress =
  | { readonly is: 'unix'; readonly path: string }
  | { readonly is: 'udp'; readonly host: string; readonly port: number };

export interface SyslogSettings {
  readonly to: SyslogAddress;
  /** Stands after `holdfast.` in the tag; the app's name if not given. */
  readonly prefix?: string;
  /** Its number. RFC 5424 6.2.1. */
  readonly facility: number;
  /** The access log too. */
  readonly access: boolean;
}

/** Of `udp://HOST`. RFC 5426 3.3. */
const PORT = 514;
const MOST_PORT = 65_535;

/** In the order of their numbers; those without a name are left out. RFC 5424 6.2.1. */
const FACILITIES =
  'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp - - - - local0 local1 local2 local3 local4 local5 local6 local7'.split(
    ' ',
  );

/** Where most systems have it. */
export const SYSLOG_INITIAL = process.platform === 'darwin' ? 'unix:///var/run/syslog' : 'unix:///dev/log';

/** `unix://PATH`, also with gunicorn's `#dgram` behind it; `udp://HOST[:PORT]`, a v6 host in brackets. */
export const syslogAddress: Parse<SyslogAddress> = (text, as) => {
  const path = /^unix:\/\/(\/[^#]+?)(?:#dgram)?$/.exec(text)?.[1];
  if (path !== undefined) return { is: 'unix', path };
  const [, v6, name, digits] = /^udp:\/\/(?:\[([0-9a-f:.]+)\]|([^:[\]/]+))(?::(\d+))?$/i.exec(text) ?? [];
  const host = v6 ?? name;
  const port = Number(digits ?? PORT);
  if (host !== undefined && port >= 1 && port <= MOST_PORT) return { is: 'udp', host, port };
  throw unusable(as, 'it is written unix:///PATH or udp://HOST:PORT, and only datagrams are sent');
};

export const syslogFacility: Parse<number> = (text, as) => {
  const name = text.toLowerCase().replace(/^security$/, 'auth');
  const number = name === '-' ? -1 : FACILITIES.indexOf(name);
  if (number >= 0) return number;
  throw unusable(as, `the facilities are ${FACILITIES.filter((each) => each !== '-').join(', ')}`);
};

/** A tag ends where a blank or a colon stands. RFC 3164 4.1.3. */
export const syslogPrefix: Parse<string> = (text, as) => {
  if (/^[\w.-]{1,32}$/.test(text)) return text;
  throw unusable(as, 'a prefix has 1 to 32 letters, digits, dots, dashes and underscores');
};
