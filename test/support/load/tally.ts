// Runs in the load's process: counts what the clients see.
import type { Counts, Failure, KindName, Reason, Report } from './report.js';

const KEPT_FAILURES = 100;

interface Span {
  total: number;
  failed: number;
  failures: Failure[];
  reasons: Partial<Record<Reason, number>>;
  answeredBy: Map<string, number>;
  perKind: Partial<Record<KindName, Counts>>;
  lastAnswerAt: number;
  longestGapMs: number;
  slowestMs: number;
}

interface Waiting {
  readonly until: () => boolean;
  readonly reached: () => void;
}

export class Tally {
  readonly #kinds: readonly KindName[];
  readonly #all: Span;
  #sinceMark: Span;
  #waiting: Waiting[] = [];
  #stopping = false;

  constructor(kinds: readonly KindName[]) {
    this.#kinds = kinds;
    this.#all = this.#newSpan();
    this.#sinceMark = this.#newSpan();
  }

  answered(kind: KindName, worker: string): void {
    for (const span of [this.#all, this.#sinceMark]) {
      const now = performance.now();
      count(span, kind, 0);
      if (!this.#stopping) span.longestGapMs = Math.max(span.longestGapMs, now - span.lastAnswerAt);
      span.lastAnswerAt = now;
      span.answeredBy.set(worker, (span.answeredBy.get(worker) ?? 0) + 1);
    }
    this.#settle();
  }

  /** How long an answer took that takes no time by its nature, milliseconds. */
  took(ms: number): void {
    for (const span of [this.#all, this.#sinceMark]) if (!this.#stopping) span.slowestMs = Math.max(span.slowestMs, ms);
  }

  failed(kind: KindName | 'load', reason: Reason, detail: string): void {
    for (const span of [this.#all, this.#sinceMark]) {
      count(span, kind, 1);
      span.reasons[reason] = (span.reasons[reason] ?? 0) + 1;
      if (span.failures.length < KEPT_FAILURES) span.failures.push({ kind, reason, at: Date.now(), detail });
    }
    this.#settle();
  }

  /** From here only the slow ones answer: no gap is the server's. */
  stopping(): void {
    this.#stopping = true;
  }

  mark(): void {
    this.#sinceMark = this.#newSpan();
  }

  /** Everything since the start, or since the mark. */
  report(since: 'start' | 'mark'): Report {
    const { total, failed, failures, reasons, answeredBy, perKind, longestGapMs, slowestMs } =
      since === 'start' ? this.#all : this.#sinceMark;
    return { total, failed, failures, reasons, answeredBy, perKind, longestGapMs, slowestMs };
  }

  /** Resolves when every kind has had so many good answers since the start; a kind for which `isRare` holds needs one. */
  warm(answers: number, isRare: (kind: KindName) => boolean): Promise<void> {
    return this.#when(() => this.#kinds.every((kind) => good(this.#all.perKind[kind]) >= (isRare(kind) ? Math.min(answers, 1) : answers)));
  }

  /** Resolves when so many good answers have come since the mark. */
  answeredAtLeast(answers: number): Promise<void> {
    return this.#when(() => good(this.#sinceMark) >= answers);
  }

  /** Resolves when so many exchanges have failed since the mark. */
  failedAtLeast(failures: number): Promise<void> {
    return this.#when(() => this.#sinceMark.failed >= failures);
  }

  #settle(): void {
    this.#waiting = this.#waiting.filter((waiting) => !settle(waiting));
  }

  #when(until: () => boolean): Promise<void> {
    return new Promise((reached) => {
      const waiting = { until, reached };
      if (!settle(waiting)) this.#waiting.push(waiting);
    });
  }

  #newSpan(): Span {
    const perKind = Object.fromEntries(this.#kinds.map((kind) => [kind, { total: 0, failed: 0 }]));
    return {
      total: 0,
      failed: 0,
      failures: [],
      reasons: {},
      answeredBy: new Map(),
      perKind,
      lastAnswerAt: performance.now(),
      longestGapMs: 0,
      slowestMs: 0,
    };
  }
}

function settle({ until, reached }: Waiting): boolean {
  if (!until()) return false;
  reached();
  return true;
}

function count(span: Span, kind: KindName | 'load', failed: 0 | 1): void {
  span.total += 1;
  span.failed += failed;
  if (kind === 'load') return;
  const before = span.perKind[kind] ?? { total: 0, failed: 0 };
  span.perKind[kind] = { total: before.total + 1, failed: before.failed + failed };
}

function good(counts: Counts | undefined): number {
  return counts === undefined ? 0 : counts.total - counts.failed;
}
