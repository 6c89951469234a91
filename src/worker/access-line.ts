/** In the worker: an exchange as a line of the access log, by gunicorn's atoms or as JSON. */
import type { AccessFormat, Piece } from '../settings/index.js';
import { sentHeader } from '../sys/http-socket.js';
import { escaped } from './access-escape.js';
import { jsonLine, type Who } from './access-json.js';
import { headerOf, split, userOf } from './access-request.js';
import { now } from './access-time.js';
import type { Exchange } from './exchanges.js';

export type LineOf = (exchange: Exchange) => string;
type Atom = (exchange: Exchange) => string | number;

const DASH = '-';

/** A function that makes the line of an exchange. */
export function lineOf(format: AccessFormat, who: Who): LineOf {
  return format === 'json' ? jsonLine(who) : textLine(format, who);
}

/** Whether a line says how long its exchange took. */
export function isTimed(format: AccessFormat): boolean {
  return format === 'json' || format.some((piece) => typeof piece !== 'string' && 'TMDL'.includes(piece.atom));
}

function textLine(format: readonly Piece[], who: Who): LineOf {
  const makers = joined(format.map((piece) => (typeof piece === 'string' ? piece : atomOf(piece, who))));
  return (exchange) => {
    let line = '';
    for (const make of makers) line += typeof make === 'string' ? make : make(exchange);
    return line;
  };
}

/** What never changes is put together once. */
function joined(makers: readonly (Atom | string)[]): readonly (Atom | string)[] {
  const all: (Atom | string)[] = [];
  for (const make of makers) {
    const last = all.at(-1);
    if (typeof make === 'string' && typeof last === 'string') all[all.length - 1] = last + make;
    else all.push(make);
  }
  return all;
}

const ATOMS: Readonly<Record<string, Atom>> = {
  h: ({ address }) => address ?? DASH,
  // Without blanks: it stands unquoted in the usual format.
  u: ({ request }) => {
    const user = userOf(headerOf(request, 'authorization'));
    return user === undefined ? DASH : escaped(user).replaceAll(' ', '\\x20');
  },
  t: () => now(),
  r: ({ request, method, url = '' }) => (request === undefined ? DASH : `${method} ${escaped(url)} HTTP/${request.httpVersion}`),
  m: ({ method }) => method ?? DASH,
  U: ({ url }) => escaped(split(url)[0]),
  q: ({ url }) => escaped(split(url)[1]),
  H: ({ request }) => (request === undefined ? DASH : `HTTP/${request.httpVersion}`),
  s: ({ status }) => status,
  B: ({ bytes }) => bytes,
  b: ({ bytes }) => (bytes === 0 ? DASH : bytes),
  f: ({ request }) => escaped(headerOf(request, 'referer') ?? DASH),
  a: ({ request }) => escaped(headerOf(request, 'user-agent') ?? DASH),
  T: ({ milliseconds }) => Math.floor(milliseconds / 1000),
  M: ({ milliseconds }) => Math.floor(milliseconds),
  D: ({ milliseconds }) => Math.floor(milliseconds * 1000),
  L: ({ milliseconds }) => (milliseconds / 1000).toFixed(6),
};

function atomOf({ atom, name = '' }: Exclude<Piece, string>, { pid }: Who): Atom | string {
  switch (atom) {
    case 'l':
      return DASH;
    case 'p':
      return `<${pid}>`;
    case 'i':
      return ({ request }) => escaped(headerOf(request, name) ?? DASH);
    case 'o':
      return ({ response }) => escaped((response === undefined ? undefined : sentHeader(response, name)) ?? DASH);
    case 'e':
      return variableOf(name);
    default:
      return ATOMS[atom] ?? DASH;
  }
}

/** Those of CGI (RFC 3875) that are about a request; every other one is the process's, and read once. */
const OF_REQUEST: ReadonlyMap<string, Atom> = new Map<string, Atom>([
  ['REMOTE_ADDR', ({ address }) => address ?? DASH],
  ['REQUEST_METHOD', ({ method }) => method ?? DASH],
  ['RAW_URI', ({ url }) => escaped(url ?? DASH)],
  ['PATH_INFO', ({ url }) => escaped(split(url)[0])],
  ['QUERY_STRING', ({ url }) => escaped(split(url)[1])],
  ['SERVER_PROTOCOL', ({ request }) => (request === undefined ? DASH : `HTTP/${request.httpVersion}`)],
]);

function variableOf(name: string): Atom | string {
  if (name.startsWith('HTTP_')) {
    const header = name.slice('HTTP_'.length).toLowerCase().replaceAll('_', '-');
    return ({ request }) => escaped(headerOf(request, header) ?? DASH);
  }
  const variable = Object.hasOwn(process.env, name) ? process.env[name] : undefined;
  return OF_REQUEST.get(name) ?? escaped(variable ?? DASH);
}
