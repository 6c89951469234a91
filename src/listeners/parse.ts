/** `--bind` as it is typed. Pure. */
import { EXIT, HoldfastError } from '../errors.js';
import { type Access, type Address, MAX_PORT, tcpAddress } from './address.js';
import { checkPathLength, NAME_LIMIT } from './draft-name.js';
import { parseIp } from './ip.js';

/** What still has to be looked up: a name's addresses, a path's directory. */
export type Bind =
  | { readonly is: 'addresses'; readonly addresses: readonly Address[] }
  | { readonly is: 'name'; readonly host: string; readonly port: number; readonly setting: string }
  | { readonly is: 'path'; readonly path: string; readonly access: Access };

const ANY_V4 = [0, 0, 0, 0];
const ANY_V6 = new Array<number>(16).fill(0);
const FIRST_FD = 3;
const FORMS = 'HOST:PORT, [V6]:PORT, :PORT, unix:PATH, unix:@NAME or fd://N';

/**
 * Reads one address of `--bind`: `HOST:PORT` (an IP or a name), `[V6]:PORT`, `:PORT` (0.0.0.0 and [::]),
 * `unix:PATH[?mode=0660&user=U&group=G]`, `unix:@ABSTRACT`, `fd://N`. Port 0 lets the kernel choose.
 * @throws HoldfastError with exit status 2 for anything else
 */
export function parseBind(text: string): Bind {
  if (text.trim() === '') throw nonsense(text, `it is empty; write ${FORMS}`);
  if (/[\0-\x1f\x7f]/.test(text)) throw nonsense(JSON.stringify(text), 'there is a control character in it');
  if (text.startsWith('unix:')) return parseUnix(text, text.slice('unix:'.length));
  if (text.startsWith('fd:')) return parseDescriptor(text);
  return parseTcp(text);
}

function parseTcp(text: string): Bind {
  const [, v6, name, digits] = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(text) ?? [];
  if (digits === undefined) throw nonsense(text, withoutPort(text));
  const port = parsePort(text, digits);
  if (v6 !== undefined) return addresses(tcpAddress(v6Bytes(text, v6), port));
  if (name === undefined || name === '') return addresses(tcpAddress(ANY_V4, port, text), tcpAddress(ANY_V6, port, text));
  const bytes = parseIp(name);
  if (bytes !== undefined) return addresses(tcpAddress(bytes, port));
  if (name === '*') throw nonsense(text, `"*" is no host; :${port} means every address`);
  if (/^[\d.]+$/.test(name)) throw nonsense(text, `${name} is no IPv4 address`);
  if (!/^[a-z0-9_][a-z0-9_.-]{0,252}$/i.test(name)) throw nonsense(text, `"${name}" is no host name; write ${FORMS}`);
  return { is: 'name', host: name, port, setting: text };
}

function withoutPort(text: string): string {
  if (/^\d+$/.test(text)) return `write 127.0.0.1:${text}, or :${text} for every address`;
  const [, bare, port] = /^([0-9a-f:.]+):(\d+)$/i.exec(text) ?? [];
  if (parseIp(text)?.length === 16 || parseIp(bare ?? '')?.length === 16)
    return `an IPv6 address stands in brackets: [${parseIp(bare ?? '')?.length === 16 ? bare : text}]:${port ?? 8000}`;
  return text.includes(':') && !text.endsWith(']') ? `write ${FORMS}` : `the port is missing; write ${FORMS}`;
}

function v6Bytes(text: string, host: string): readonly number[] {
  if (host.includes('%')) throw nonsense(text, 'an address with a zone cannot be bound; bind [::] or an address without one');
  const bytes = parseIp(host);
  if (bytes?.length !== 16) throw nonsense(text, `"${host}" is no IPv6 address`);
  return bytes;
}

function parsePort(text: string, digits: string): number {
  if (digits === '') throw nonsense(text, 'the port is missing');
  if (!/^\d+$/.test(digits)) throw nonsense(text, `"${digits}" is no port`);
  if (Number(digits) > MAX_PORT) throw nonsense(text, `there is no port ${digits}, ${MAX_PORT} is the last`);
  return Number(digits);
}

function parseDescriptor(text: string): Bind {
  const digits = /^fd:\/\/(\d{1,9})$/.exec(text)?.[1];
  if (digits === undefined) throw nonsense(text, 'a descriptor is written fd://N');
  if (Number(digits) < FIRST_FD) throw nonsense(text, `descriptors under ${FIRST_FD} are the standard streams`);
  return addresses({ is: 'fd', fd: Number(digits) });
}

function parseUnix(text: string, rest: string): Bind {
  if (rest.startsWith('@')) return parseAbstract(text, rest.slice(1));
  const mark = rest.indexOf('?');
  const path = mark < 0 ? rest : rest.slice(0, mark);
  if (path === '' || path.endsWith('/')) throw nonsense(text, 'the path of the socket is missing');
  checkPathLength(path, text);
  return { is: 'path', path, access: mark < 0 ? {} : parseAccess(text, rest.slice(mark + 1)) };
}

function parseAbstract(text: string, name: string): Bind {
  const mark = name.indexOf('?');
  if (mark === 0 || name === '') throw nonsense(text, 'the name of the abstract socket is missing');
  if (mark > 0)
    throw nonsense(
      text,
      `an abstract socket has no file, and so no mode, user or group: everybody on this machine may connect (leave ${name.slice(mark)} out)`,
    );
  // One byte less than a path: the name begins with a NUL and needs none at its end.
  if (Buffer.byteLength(name) > NAME_LIMIT) throw nonsense(text, `an abstract socket's name has ${NAME_LIMIT} bytes at most`);
  return addresses({ is: 'abstract', name });
}

function parseAccess(text: string, query: string): Access {
  const access: { mode?: number; user?: string; group?: string } = {};
  for (const pair of query.split('&')) {
    const [, key = pair, value = ''] = /^([^=]*)=(.*)$/.exec(pair) ?? [];
    if (key !== 'mode' && key !== 'user' && key !== 'group')
      throw nonsense(text, `unknown "${key}"; a unix path takes mode, user and group`);
    if (access[key] !== undefined) throw nonsense(text, `${key} stands there twice`);
    if (value === '') throw nonsense(text, `${key} has no value`);
    if (key === 'mode') access.mode = parseMode(text, value);
    else access[key] = value;
  }
  return access;
}

function parseMode(text: string, value: string): number {
  if (!/^0?[0-7]{3}$/.test(value)) throw nonsense(text, `"${value}" is no mode; write three octal digits, like 0660`);
  return Number.parseInt(value, 8);
}

function addresses(...all: readonly Address[]): Bind {
  return { is: 'addresses', addresses: all };
}

function nonsense(text: string, why: string): HoldfastError {
  return new HoldfastError(`cannot bind ${text === '' ? '""' : text}: ${why}`, EXIT.usage);
}
