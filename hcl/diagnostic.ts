// What is wrong with a text, said like a good compiler says it: a summary, what to do, and the exact place.
import type { Source, Span } from './ast.ts';
import { graphemesOf } from './characters.ts';
import { segmentedLengthMax } from './limits.ts';

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

/** The form in which commands print diagnostics for programs (`--json`). Lines and columns are from 1. */
export interface JsonDiagnostic {
  readonly severity: Diagnostic['severity'];
  readonly summary: string;
  readonly detail: string;
  readonly code?: string;
  readonly range: { readonly file: string; readonly start: JsonPosition; readonly end: JsonPosition };
}

interface JsonPosition {
  readonly line: number;
  readonly column: number;
}

/** The diagnostic as plain data, without its source. */
export function diagnosticToJson(diagnostic: Diagnostic): JsonDiagnostic {
  const { severity, summary, detail, code, source, span } = diagnostic;
  const from = positionOf(source, span.start);
  const to = positionOf(source, span.end);
  const start = { line: from.line, column: from.column };
  const end = { line: to.line, column: to.column };
  return {
    severity,
    summary,
    detail,
    ...(code === undefined ? {} : { code }),
    range: { file: source.name, start, end },
  };
}

/** The line of an offset, from 1. */
export function lineOf(source: Source, offset: number): number {
  const starts = lineStartsOf(source);
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low + 1;
}

/** The line and column of an offset. A byte order mark has no column, and a tab has one like every other character. */
export function positionOf(source: Source, offset: number): Position {
  const line = lineOf(source, offset);
  const before = source.text.slice(lineStartsOf(source)[line - 1], offset);
  return { line, column: 1 + graphemeCount(before), offset };
}

/** The text of a line, from 1, without its newline. */
export function lineText(source: Source, line: number): string {
  const starts = lineStartsOf(source);
  return source.text.slice(starts[line - 1], starts[line]).replace(/\r?\n$/, '');
}

function lineStartsOf(source: Source): readonly number[] {
  if (source.lineStarts !== undefined) return source.lineStarts;
  const { text } = source;
  const starts = [text.startsWith('\ufeff') ? 1 : 0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  source.lineStarts = starts;
  return starts;
}

/** Segmenting is slow: plain text needs none, and on a line of absurd length code points are near enough. */
function graphemeCount(text: string): number {
  if (/^[\x20-\x7e\t]*$/.test(text)) return text.length;
  return text.length > segmentedLengthMax ? [...text].length : graphemesOf(text).length;
}
