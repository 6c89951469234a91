/** `HOLDFAST_FDS`: which descriptor is which listener, from one generation to the next. Pure. */
import { EXIT, HoldfastError } from '../errors.js';
import { parseLabel } from './address.js';
import type { Listener, SocketFile } from './listener.js';

export interface Inheritance {
  /** With the device and inode of its file behind it where it is a unix path: `unix:/run/shop.sock?26:1234`. */
  readonly label: string;
  readonly fd: number;
}

const FIRST_FD = 3;
/** More listeners than any process may hold descriptors by default. */
const LIMIT = 4096;
const LARGEST_FD = 0x7fffffff;
const RESERVED = /[%;=\0-\x1f\x7f]/g;

/** `ADDRESS=FD;...`, by position: in the process that is started with these listeners in its `stdio` the first has descriptor `first`. */
export function encodeListeners(listeners: readonly Listener[], first = FIRST_FD): string {
  return listeners.map((listener, position) => `${encodeLabel(listener)}=${first + position}`).join(';');
}

/** @throws HoldfastError with exit status 1: "a malformed hand-over: ..." */
export function decodeListeners(text: string): readonly Inheritance[] {
  if (text === '') return [];
  const entries = text.split(';', LIMIT + 1);
  if (entries.length > LIMIT) throw malformed(`more than ${LIMIT} listeners`);
  const decoded = entries.map(decodeEntry);
  const seen = new Set<number>();
  for (const { fd } of decoded) {
    if (seen.has(fd)) throw malformed(`descriptor ${fd} stands there twice`);
    seen.add(fd);
  }
  return decoded;
}

/** Takes what encodeListeners put behind a unix path off again. */
export function splitLabel(label: string): { readonly label: string; readonly file?: SocketFile } {
  const [, path, dev, ino] = /^(unix:\/.*)\?(\d+):(\d+)$/s.exec(label) ?? [];
  return path === undefined || dev === undefined || ino === undefined ? { label } : { label: path, file: { dev, ino } };
}

/** The kernel tells nobody which file an inherited unix socket has (fstat(2) answers with the socket's own inode), so it is handed over. */
function encodeLabel({ address, socketFile }: Listener): string {
  const label = socketFile === undefined ? address : `${address}?${socketFile.dev}:${socketFile.ino}`;
  return label.replace(RESERVED, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

function decodeEntry(entry: string): Inheritance {
  const [, encoded, digits] = /^([^=]*)=(\d+)$/.exec(entry) ?? [];
  if (encoded === undefined || digits === undefined) throw malformed(`${shown(entry)} is not ADDRESS=DESCRIPTOR`);
  const fd = Number(digits);
  if (fd < FIRST_FD || fd > LARGEST_FD) throw malformed(`descriptor ${digits.slice(0, 20)} cannot be a listener`);
  const label = decodeLabel(encoded);
  if (parseLabel(splitLabel(label).label) === undefined) throw malformed(`${shown(label)} is no address`);
  return { label, fd };
}

function decodeLabel(encoded: string): string {
  if (/%(?![0-9a-f]{2})/i.test(encoded)) throw malformed(`${shown(encoded)} has a stray %`);
  try {
    return decodeURIComponent(encoded);
  } catch (cause) {
    throw malformed(`${shown(encoded)} is not UTF-8`, cause);
  }
}

/** Whatever it is, it goes into one line. */
function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
}

function malformed(what: string, cause?: unknown): HoldfastError {
  return new HoldfastError(`cannot take over: a malformed hand-over: ${what}`, EXIT.failed, { cause });
}
