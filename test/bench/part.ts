/** What one part of the bench finds out. Kept as JSON until the report is written. */
import type { Spread } from './statistics.js';

/** A line of the table of ratios. */
export interface Row {
  readonly what: string;
  /** What it should be; undefined where the row only shows what it is. */
  readonly goal?: string;
  readonly measured: Spread;
  readonly unit: string;
}

export interface Bar {
  readonly label: string;
  readonly value: Spread;
  /** Ours, to be told from the rest at a glance. */
  readonly ours: boolean;
}

export type Plot =
  | { readonly is: 'bars'; readonly name: string; readonly title: string; readonly unit: string; readonly bars: readonly Bar[] }
  | { readonly is: 'lines'; readonly name: string; readonly title: string; readonly x: string; readonly lines: readonly Line[] };

export interface Line {
  readonly label: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** One subject's way to replace itself, under one load. */
export interface Loss {
  readonly subject: string;
  readonly operation: string;
  readonly times: number;
  readonly mixed: Failed;
  readonly hot: Failed;
}

export interface Failed {
  readonly total: number;
  /** Requests that were refused, reset, cut off or not answered. */
  readonly failed: number;
  /** Keep-alive connections that were closed before their time, without a word, and found so by their client before it asked again. */
  readonly closed: number;
}

export interface Part {
  readonly rows: readonly Row[];
  readonly plots: readonly Plot[];
  readonly loss?: readonly Loss[];
  /** Sentences that belong under the table of ratios. */
  readonly remarks?: readonly string[];
  /** Names and versions of what was measured. */
  readonly versions: Readonly<Record<string, string>>;
  /** What was left out, and what a reader must know. */
  readonly notes: readonly string[];
}

export interface Effort {
  /** A smoke run: everything once, for as short as can be. */
  readonly quick: boolean;
  /** Says how far it is. */
  readonly progress: (what: string) => void;
}
