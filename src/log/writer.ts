/** pino, which makes the lines (any role). As one file, and loaded when it is needed first: nobody who is waited for loads it before. */
import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Logger, LoggerOptions, pino, stdTimeFunctions } from 'pino';
import type { LogLevel } from '../settings/index.js';

interface Pino {
  readonly pino: typeof pino;
  readonly stdTimeFunctions: typeof stdTimeFunctions;
}

/** Numbers as pino has them for their likes; they are not in the log. */
export const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warning: 40, error: 50, critical: 60 };

const PINO = fileURLToPath(new URL('../start/pino.cjs', import.meta.url));

/** Throws when pino is not there, or may not be read. */
export function assureWriter(): void {
  accessSync(PINO, constants.R_OK);
}

/** Each line goes to `write`, whole and with its end. `bindings` are in all of them. */
export function writer(level: LogLevel, bindings: object, write: (line: string) => void): Logger<LogLevel, true> {
  const { pino: make, stdTimeFunctions: times } = createRequire(import.meta.url)(PINO) as Pino;
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
