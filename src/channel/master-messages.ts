/** What two masters say to each other, and where a candidate finds its descriptors. Pure. */
import type { Shapes } from './shape.js';

/** The number in HOLDFAST_HANDOVER: the format of the environment, of the descriptors' order and of the first frame. */
export const HANDOVER_VERSION = 1;
/** The message versions that this release speaks. 2 has what `--upgrade manual` needs: show, beside, withdraw. */
export const SPOKEN = { min: 1, max: 2 } as const;

/** Descriptors of a candidate at its start, counted from behind its listeners. The last one is there only below a keeper. */
export const CANDIDATE_FDS = {
  channel: 0,
  /** The pipe whose end tells the candidate's workers to drain: both ends. */
  leaseReading: 1,
  leaseWriting: 2,
  /** The writing end of the incumbent's. */
  incumbentLease: 3,
  /** The right to succeed the incumbent, and the one to succeed the candidate. */
  incumbentSuccession: 4,
  succession: 5,
  stderr: 6,
  keeper: 7,
} as const;

/** The first frame, there before the candidate runs, so that it knows its place even if the incumbent dies at once. */
export interface Handover {
  readonly type: 'handover';
  /** The message versions that the incumbent speaks. */
  readonly min: number;
  readonly max: number;
  readonly generation: number;
  /** The physical directory that relative run-time paths (pidfile, sockets, logs) were resolved against at the first start. */
  readonly base: string;
  /** The logical working directory. `$PWD` says it too, but a shell on the way corrects that when a link in it has been moved meanwhile. */
  readonly directory?: string;
  /** Milliseconds until the upgrade is cancelled. */
  readonly deadline: number;
  /** Whether the descriptors include the keeper's. */
  readonly keeper: boolean;
}

export type ToCandidate =
  | Handover
  /** By hand: let your workers accept beside ours. */
  | { readonly type: 'show' }
  | { readonly type: 'commit' }
  | { readonly type: 'cancel'; readonly reason: string }
  /** A signal that the old master got for whoever is in charge. */
  | { readonly type: 'pass'; readonly signal: string }
  | { readonly type: 'reopen' }
  | { readonly type: 'released' }
  | { readonly type: 'farewell' };

export interface BoundFile {
  readonly path: string;
  /** Decimal device and inode. */
  readonly dev: string;
  readonly ino: string;
  /** The name that it has until it is listened on. */
  readonly draft: string;
}

export type FromCandidate =
  | {
      readonly type: 'hello';
      readonly min: number;
      readonly max: number;
      readonly pid: number;
      readonly holdfast: string;
      readonly node: string;
    }
  | { readonly type: 'failed'; readonly status: number; readonly reason: string }
  /** The labels of new unix sockets, with their files: what to remove should it be killed. */
  | { readonly type: 'bound'; readonly files: readonly BoundFile[] }
  /** Loaded and probed; `kept` are the positions of the inherited listeners that it goes on with. */
  | { readonly type: 'ready'; readonly kept: readonly number[] }
  /** By hand: our workers accept. */
  | { readonly type: 'beside' }
  /** By hand: this candidate was told to stop, and serves until it is cancelled. Then its drain may take so many milliseconds; earlier releases do not say. */
  | { readonly type: 'withdraw'; readonly drainLimit?: number }
  | { readonly type: 'serving' }
  /** To a retiree: you may no longer return. */
  | { readonly type: 'release' }
  | { readonly type: 'stop'; readonly quick: boolean }
  | { readonly type: 'reopen' };

export const TO_CANDIDATE: Shapes = {
  handover: { min: 'number', max: 'number', generation: 'number', base: 'string', deadline: 'number', keeper: 'boolean' },
  show: {},
  commit: {},
  cancel: { reason: 'string' },
  pass: { signal: 'string' },
  reopen: {},
  released: {},
  farewell: {},
};

export const FROM_CANDIDATE: Shapes = {
  hello: { min: 'number', max: 'number', pid: 'number', holdfast: 'string', node: 'string' },
  failed: { status: 'number', reason: 'string' },
  bound: { files: [{ path: 'string', dev: 'string', ino: 'string', draft: 'string' }] },
  ready: { kept: ['number'] },
  beside: {},
  withdraw: {},
  serving: {},
  release: {},
  stop: { quick: 'boolean' },
  reopen: {},
};
