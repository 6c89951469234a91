/**
 * From text to value. `as` is the setting as it was given, for the message: `--workers 0`, `PORT=http`.
 * Each throws HoldfastError, exit 2, when the text cannot be used.
 */
import { EXIT, HoldfastError } from '../errors.js';
import { processors } from './processors.js';

export type Parse<T> = (text: string, as: string) => T;

export const LOG_LEVELS = ['debug', 'info', 'warning', 'error', 'critical'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type UpgradeMode = 'auto' | 'manual';

/** A timer of more than 2^31 - 1 ms fires at once; this leaves room for what is added to some of them. */
const MOST_SECONDS = 1_000_000;
const MOST_WORKERS = 4096;
const MOST = 2 ** 31 - 1;
const MOST_PORT = 65_535;
const MOST_LETTERS = 255;

/** A switch that was given. */
export const on: Parse<true> = () => true;

export const filled: Parse<string> = (text, as) => {
  if (text === '') throw unusable(as, 'it is empty');
  return text;
};

/** It stands in each line of the log. */
export const label: Parse<string> = (text, as) => {
  if (filled(text, as).length <= MOST_LETTERS) return text;
  throw unusable(as, `it has ${text.length} characters, and ${MOST_LETTERS} are the most`);
};

export const urlPath: Parse<string> = (text, as) => {
  if (!text.startsWith('/')) throw unusable(as, 'a path of the app begins with / (--probe /health)');
  // RFC 3986 3.3: what is not plain ASCII is encoded.
  if (/[^\x21-\x7e]/.test(text)) throw unusable(as, 'a blank is written %20 in a path, and what is no plain ASCII as %C3%BC');
  return text;
};

export const level: Parse<LogLevel> = (text, as) => {
  const known = LOG_LEVELS.find((each) => each === text.toLowerCase());
  if (known === undefined) throw unusable(as, 'the levels are debug, info, warning, error and critical');
  return known;
};

export const upgradeMode: Parse<UpgradeMode> = (text, as) => {
  if (text === 'auto' || text === 'manual') return text;
  throw unusable(as, 'an upgrade is committed auto or manual');
};

export const workers: Parse<number> = (text, as) => (text === 'auto' ? processors() : whole(text, as, 1, MOST_WORKERS, ', or auto'));

export const positive: Parse<number> = (text, as) => whole(text, as, 1, MOST);

export const count: Parse<number> = (text, as) => whole(text, as, 0, MOST);

export const port: Parse<number> = (text, as) => whole(text, as, 0, MOST_PORT);

export const seconds: Parse<number> = (text, as) => {
  if (!/^-?(\d+\.?\d*|\.\d+)$/.test(text)) throw unusable(as, 'it needs a number of seconds');
  const value = Number(text);
  if (value < 0) throw unusable(as, 'a time cannot be negative');
  if (value > MOST_SECONDS) throw unusable(as, `${MOST_SECONDS} seconds are the most`);
  return value;
};

/** Bytes. K, M, G and T are powers of 1024, as in systemd's MemoryMax= and Docker's --memory. */
export const size: Parse<number> = (text, as) => {
  const [, digits, unit = ''] = /^(\d+\.?\d*|\.\d+)(?:([kmgt])(?:i?b)?|b)?$/i.exec(text) ?? [];
  if (digits === undefined) throw unusable(as, 'it needs a size (512M, 1G, or bytes)');
  const bytes = Number(digits) * 1024 ** ' kmgt'.indexOf(unit === '' ? ' ' : unit.toLowerCase());
  if (!Number.isInteger(bytes)) throw unusable(as, 'it is no whole number of bytes');
  if (bytes > Number.MAX_SAFE_INTEGER) throw unusable(as, 'no machine has so much memory');
  return bytes;
};

export const positiveSeconds: Parse<number> = (text, as) => {
  const value = seconds(text, as);
  if (value === 0) throw unusable(as, 'it must be more than 0 seconds');
  return value;
};

/** Octal whatever it begins with, as umask(1) has it. */
export const umask: Parse<number> = (text, as) => {
  const digits = /^(?:0o)?([0-7]{1,5})$/.exec(text)?.[1];
  const value = Number.parseInt(digits ?? '', 8);
  if (value <= 0o777) return value;
  throw unusable(as, 'it needs an octal mask from 0 to 0777');
};

function whole(text: string, as: string, least: number, most: number, or = ''): number {
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw unusable(as, `it needs a whole number from ${least} to ${most}${or}`);
}

export function unusable(as: string, why: string): HoldfastError {
  return new HoldfastError(`cannot use ${as}: ${why}`, EXIT.usage);
}
