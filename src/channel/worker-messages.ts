/** What a master and its worker say to each other, and where a worker finds its descriptors. Pure. */
import type { Identity } from '../privileges/index.js';
import type { AccessFormat, LogLevel, SyslogSettings } from '../settings/index.js';
import type { Shapes } from './shape.js';

/** Descriptors of a worker at its start; its listeners follow from `listeners` on. */
export const WORKER_FDS = { channel: 3, lease: 4, abort: 5, listeners: 6 } as const;

/** What a worker may take beyond its deadline before it is killed. Milliseconds. */
export const DRAIN_PATIENCE = 5_000;

/** `file` null: to syslog alone. */
export interface AccessOrder {
  readonly file: string | null;
  readonly format: AccessFormat;
}

/** Everything that a worker needs to know, sent as soon as it is started. Times are milliseconds. */
export interface Boot {
  readonly type: 'boot';
  readonly slot: number;
  readonly generation: number;
  readonly name: string;
  readonly app: string;
  /** Whom it becomes before it loads the app; null: it stays who it is. */
  readonly identity: Identity | null;
  readonly cwd: string;
  readonly listeners: number;
  readonly backlog: number;
  /** Whether the listeners that it serves may change: then it copies each before it accepts, for Node closes what it accepted on. */
  readonly reusePort: boolean;
  readonly keepAlive: number;
  readonly keepAliveAsked: boolean;
  readonly gracefulTimeout: number;
  /** This worker's own limits: requests, and bytes of resident memory; 0 is none. */
  readonly maxRequests: number;
  readonly maxMemory: number;
  readonly heartbeat: number;
  readonly probe: string | null;
  readonly probeTimeout: number;
  readonly logLevel: LogLevel;
  readonly logFile: string;
  /** Null, or not there from a release that has none. */
  readonly syslog?: SyslogSettings | null;
  readonly access?: AccessOrder | null;
  /** Its standard streams are the log's descriptor, and follow it. */
  readonly captureOutput?: boolean;
  /**
   * The descriptor for as long as which the kernel kills this worker when its lease ends; to be closed when its own watchdog is there.
   * Null, or not there from a release that has none: the watchdog comes first.
   */
  readonly guard?: number | null;
}

export type ToWorker =
  | Boot
  /** On the listeners at these positions, or on all; on the first for as long as it lives. */
  | { readonly type: 'accept'; readonly positions?: readonly number[] }
  /** From now on these; what is new before what is given back. */
  | { readonly type: 'serve'; readonly positions: readonly number[] }
  | { readonly type: 'drain' }
  | { readonly type: 'quit' }
  | { readonly type: 'reopen' };

export type FromWorker =
  /** Loaded and probed. `drainLimit`: milliseconds after which a drain of this worker destroys what is left. */
  | {
      readonly type: 'ready';
      readonly drainLimit: number;
      /** What is wrong with it, and does not keep it from serving: its own log may be where nobody looks. */
      readonly troubles?: readonly string[];
    }
  | { readonly type: 'failed'; readonly status: number; readonly reason: string; readonly stack: string }
  /** `drainLimit`: as above, where the app has changed it by now; not there from a release that says it once. */
  | { readonly type: 'accepting'; readonly drainLimit?: number }
  | { readonly type: 'alive' }
  /** Somebody sent it TERM: it leaves when it is told to drain, which should be when another one accepts in its place. */
  | { readonly type: 'leaving' }
  /** It has reached a limit of its own, and serves on until it is told to drain. `why`: `has served 200 requests (--max-requests)`. */
  | { readonly type: 'spent'; readonly why: string }
  | { readonly type: 'draining' }
  | { readonly type: 'farewell' };

export const TO_WORKER: Shapes = {
  boot: {
    slot: 'number',
    generation: 'number',
    name: 'string',
    app: 'string',
    cwd: 'string',
    listeners: 'number',
    backlog: 'number',
    keepAlive: 'number',
    gracefulTimeout: 'number',
    heartbeat: 'number',
    logFile: 'string',
  },
  accept: {},
  serve: { positions: ['number'] },
  drain: {},
  quit: {},
  reopen: {},
};

export const FROM_WORKER: Shapes = {
  ready: { drainLimit: 'number' },
  failed: { status: 'number', reason: 'string', stack: 'string' },
  accepting: {},
  alive: {},
  leaving: {},
  spent: { why: 'string' },
  draining: {},
  farewell: {},
};
