/** Coloured text in place of JSON (any role, on a terminal). */
import { createRequire } from 'node:module';
import type { prettyFactory } from 'pino-pretty';
import { printable } from '../errors.js';

interface PinoPretty {
  readonly prettyFactory: typeof prettyFactory;
  readonly isColorSupported: boolean;
}

interface Shown {
  readonly role?: string;
  readonly gen?: number;
  readonly slot?: number;
  readonly pid?: number;
  readonly msg?: string;
  readonly level?: number | string;
}

/** Makes a line of text of a line of JSON. Loaded here and now: it takes longer to load than pino itself, and only a terminal needs it. */
export function textOf(): (line: string) => string {
  const { prettyFactory: factory, isColorSupported } = createRequire(import.meta.url)('pino-pretty') as PinoPretty;
  return factory({
    colorize: isColorSupported,
    customLevels: 'debug:20,info:30,warning:40,error:50,critical:60',
    customColors: 'debug:blue,info:green,warning:yellow,error:red,critical:bgRed,message:reset',
    useOnlyCustomProps: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore:
      'role,gen,slot,pid,name,event,reason,destroyed,answered,durationMs,worker,address,sockets,connections,code,signal,status,candidate,app,workers,release,command',
    singleLine: true,
    messageFormat: (line) => sentence(line as Shown),
  });
}

function sentence({ role, gen, slot, pid, msg = '', level }: Shown): string {
  const who = slot === undefined || role !== 'worker' ? role : `${role} ${slot}`;
  // A stack has lines of its own.
  const text = level === 'debug' ? msg.split('\n').map(printable).join('\n') : printable(msg);
  return `${who} of gen ${gen} (${pid}): ${text}`;
}
