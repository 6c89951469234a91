// What a test's process and its load's process say to each other.
import type { LoadOptions, Report } from './report.js';

type Do =
  | { readonly do: 'start'; readonly options: LoadOptions }
  | { readonly do: 'warm'; readonly answers: number }
  | { readonly do: 'mark' }
  | { readonly do: 'answered'; readonly answers: number }
  | { readonly do: 'failed'; readonly failures: number }
  | { readonly do: 'report' }
  | { readonly do: 'stop' };

export type Ask = Do & { readonly id: number; readonly since?: 'start' | 'mark' };

export interface Answer {
  readonly id: number;
  readonly report: Report;
}
