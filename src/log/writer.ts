/** pino, which makes the lines (any role). It takes nearly as long to load as Node does to start: so nobody who is waited for loads it first. */
import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { setImmediate } from 'node:timers/promises';
import type { Logger, LoggerOptions, pino, stdTimeFunctions } from 'pino';
import type { LogLevel } from '../settings/index.js';

interface Pino {
  readonly pino: typeof pino;
  readonly stdTimeFunctions: typeof stdTimeFunctions;
}

/** Numbers as pino has them for their likes; they are not in the log. */
export const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warning: 40, error: 50, critical: 60 };

/** Throws when pino is not there, or may not be read. */
export function assureWriter(): void {
  accessSync(createRequire(import.meta.url).resolve('pino'), constants.R_OK);
}

/**
 * Loads pino's packages one by one, with a turn of the event loop after each. Resolves when only pino's own files are left to load: no turn
 * takes longer than two or three milliseconds. It loads by itself whatever cannot be loaded here.
 */
export async function loadInTurns(): Promise<void> {
  try {
    const load = createRequire(createRequire(import.meta.url).resolve('pino'));
    const { dependencies } = load('./package.json') as { readonly dependencies: Readonly<Record<string, string>> };
    for (const name of Object.keys(dependencies)) {
      await setImmediate();
      load(name);
    }
  } catch {
    // Another pino than this one was written for.
  }
  await setImmediate();
}

/** Each line goes to `write`, whole and with its end. `bindings` are in all of them. */
export function writer(level: LogLevel, bindings: object, write: (line: string) => void): Logger<LogLevel, true> {
  const { pino: make, stdTimeFunctions: times } = createRequire(import.meta.url)('pino') as Pino;
  const options: LoggerOptions<LogLevel, true> = {
    base: bindings,
    level,
    customLevels: LEVELS,
    useOnlyCustomLevels: true,
    timestamp: times.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
  return make(options, { write });
}
