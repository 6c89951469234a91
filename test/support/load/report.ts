// What the load finds out; crosses from the load's process to the test's.

/** The kinds of client; kinds.ts says what each does. */
export const kindNames = [
  'short',
  'hot',
  'keepAlive',
  'patient',
  'idle',
  'unused',
  'slow',
  'upload',
  'early',
  'pipelined',
  'longPoll',
  'stream',
  'halfHead',
] as const;

export type KindName = (typeof kindNames)[number];

/**
 * `closed` is an end of file, `reset` an RST or a broken pipe; `before` means that no byte of the response had come, `within` that some had.
 * `idle-closed-early`: a keep-alive connection that the server closed before its time without having said `Connection: close`.
 */
export type Reason =
  | 'connect-refused'
  | 'connect-reset'
  | 'connect-timeout'
  | 'connect-failed'
  | 'closed-before-response'
  | 'reset-before-response'
  | 'closed-within-response'
  | 'reset-within-response'
  | 'no-answer'
  | 'malformed'
  | 'wrong-status'
  | 'wrong-body'
  | 'unasked-response'
  | 'idle-closed-early'
  | 'load-cut-off';

export interface Failure {
  readonly kind: KindName | 'load';
  readonly reason: Reason;
  /** Milliseconds since the epoch, to compare with the log's `time`. */
  readonly at: number;
  readonly detail: string;
}

export interface Counts {
  readonly total: number;
  readonly failed: number;
}

export interface Report extends Counts {
  /** The first 100. */
  readonly failures: readonly Failure[];
  /** How many failed for which reason. */
  readonly reasons: Readonly<Partial<Record<Reason, number>>>;
  /** Good answers by worker: its header `x-worker`, else a body that is a pid, else '?'. */
  readonly answeredBy: ReadonlyMap<string, number>;
  /** Only the kinds that the mix names. */
  readonly perKind: Readonly<Partial<Record<KindName, Counts>>>;
  /** The longest time between two good answers before the stop, milliseconds. */
  readonly longestGapMs: number;
  /** The longest that one client waited for a good answer that takes no time by its nature, milliseconds. */
  readonly slowestMs: number;
}

/** What Node's own client can connect to. */
export type Plain = { readonly host: string; readonly port: number } | { readonly path: string };
export type Target = Plain | { readonly abstract: string };

export interface LoadOptions {
  readonly target: Target;
  /** How many clients of each kind run at the same time. */
  readonly mix: Readonly<Partial<Record<KindName, number>>>;
  /** What the server promises to idle connections, milliseconds. */
  readonly keepAliveTimeoutMs: number;
  /** Exchanges that all hot clients together may make in a second; 2,000 if not given, for the server shares the processors. */
  readonly hotPerSecond?: number;
  /** The same for the short ones; 1,000 if not given. */
  readonly shortPerSecond?: number;
  /** Time after which a response counts as lost, on top of what the request itself takes; 10 s if not given. */
  readonly answerMs?: number;
  /** The load ends itself after this time, with a failure `load-cut-off`; 120 s if not given. */
  readonly limitMs?: number;
  /** False for an app that does not echo the query's `n` as `x-n`; only `short`, `hot`, `keepAlive`, `patient`, `idle`, `unused` and `halfHead` then make sense. */
  readonly echoes?: boolean;
}
