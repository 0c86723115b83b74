// What is wrong with a text, said like a good compiler says it: a summary, what to do, and the exact place.
import type { Source, Span } from './ast.ts';

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1, in grapheme clusters. */
  readonly column: number;
  /** UTF-16 offset from 0. */
  readonly offset: number;
}

export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  /** One line, no full stop, for instance `Missing item separator`. */
  readonly summary: string;
  /** Sentences that say what is wrong and how to mend it. */
  readonly detail: string;
  readonly source: Source;
  readonly span: Span;
  /** A wider range to show around the span, for instance the whole block. */
  readonly context?: Span;
  /** Stable machine code where a program acts on it, for instance `tainted_shell_string`. */
  readonly code?: string;
}

/** The line of an offset, from 1. */
export function lineOf(source: Source, offset: number): number {
  const starts = (source.lineStarts ??= lineStartsOf(source.text));
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low + 1;
}

function lineStartsOf(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}
