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
