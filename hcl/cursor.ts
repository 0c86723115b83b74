// The parser's place in the tokens of a text, and what every rule of the grammar needs there: looking at the next
// token, taking it, reporting an error, and the bounds on nesting.
import type { Expression, Source, Span } from './ast.ts';
import { normalized } from './characters.ts';
import type { Diagnostic } from './diagnostic.ts';
import { complaints } from './complaints.ts';
import type { Complaint } from './complaints.ts';
import { complaintAboutToken, describeToken } from './explain-token.ts';
import { diagnosticsMax, expressionHeightMax, nestingDepthMax } from './limits.ts';
import { Token } from './tokens.ts';
import type { TokenKind, Tokens } from './tokens.ts';

export interface Cursor {
  readonly source: Source;
  readonly tokens: Tokens;
  /** Index of the next token. */
  at: number;
  /** Where the token that was taken last ends. */
  lastEnd: number;
  /** Whether a newline is a token here; between parentheses and brackets it is white space. */
  newlines: boolean;
  /**
   * Index of the token that an error was reported at. From then on the cursor stands at the end of the text, where
   * every rule gives up quietly, until a body takes it to its next item.
   */
  failedAt: number | null;
  depth: number;
  /** Height of the expression that was parsed last. */
  height: number;
  readonly diagnostics: Diagnostic[];
  /** The rule for an expression. The grammar is recursive and modules must not be, so the rules meet here. */
  readonly expression: (cursor: Cursor) => Expression;
}

/** The kind of the next token, newlines left out where they mean nothing. */
export function peek(c: Cursor): TokenKind {
  const { kinds } = c.tokens;
  if (!c.newlines) while (kinds[c.at] === Token.newline) c.at++;
  return kinds[c.at] ?? Token.end;
}

/** The kind of the next token that is no newline. */
export function peekBeyondNewlines(c: Cursor): TokenKind {
  let { at } = c;
  while (c.tokens.kinds[at] === Token.newline) at++;
  return c.tokens.kinds[at] ?? Token.end;
}

/** Where the next token begins. */
export function startOf(c: Cursor): number {
  return c.tokens.starts[c.at] ?? c.source.text.length;
}

/** The range of the next token. That of a newline is empty: what is missing is missing before it. */
export function spanOf(c: Cursor): Span {
  const start = startOf(c);
  const end = c.tokens.ends[c.at] ?? start;
  return { start, end: c.tokens.kinds[c.at] === Token.newline ? start : end };
}

/** The text of the next token. */
export function textOf(c: Cursor): string {
  return c.source.text.slice(c.tokens.starts[c.at], c.tokens.ends[c.at]);
}

/** Takes the next token. */
export function take(c: Cursor): void {
  if (c.at >= c.tokens.kinds.length - 1) return;
  c.lastEnd = c.tokens.ends[c.at] ?? c.lastEnd;
  c.at++;
}

/** Takes an identifier. Names are compared in normalization form C, however they were typed. */
export function takeName(c: Cursor): string {
  const name = normalized(textOf(c));
  take(c);
  return name;
}

/** Takes the next token if it is of this kind. */
export function takeIf(c: Cursor, kind: TokenKind): boolean {
  if (peek(c) !== kind) return false;
  take(c);
  return true;
}

/** Takes the next token, or reports that it is not the one that must stand here. */
export function expect(c: Cursor, kind: TokenKind, complaint: Complaint, openedAt?: number): boolean {
  if (takeIf(c, kind)) return true;
  fail(c, complaint, { openedAt });
  return false;
}

/** Where to report an error: at a span instead of the next token; and where that begins which is not closed. */
interface Place {
  readonly span?: Span;
  readonly openedAt?: number | undefined;
}

/**
 * Reports an error, unless one was reported since the last recovery, and gives up on the current item. If a token that
 * can stand nowhere comes next, that is the better thing to report.
 */
export function fail(c: Cursor, complaint: Complaint, place: Place = {}): void {
  if (c.failedAt !== null) return;
  const aboutToken = complaintAboutToken(peek(c), textOf(c));
  if (aboutToken === null) report(c, complaint, { span: spanOf(c), ...place });
  else report(c, aboutToken, { span: spanOf(c) });
  c.failedAt = c.at;
  c.at = c.tokens.kinds.length - 1;
}

/** Reports that the text ends before what began at `openedAt` does, if so it is. */
export function failAtEnd(c: Cursor, complaint: Complaint, openedAt: number): boolean {
  if (peek(c) !== Token.end) return false;
  fail(c, complaint, { openedAt });
  return true;
}

/** Reports an error after which the rest of the text is not read. */
export function abandon(c: Cursor, complaint: Complaint): void {
  const span = spanOf(c);
  c.at = c.tokens.kinds.length - 1;
  fail(c, complaint, { span });
}

/** Reports an error after which parsing goes on. The one beyond `diagnosticsMax` says that there are more. */
export function report(c: Cursor, complaint: Complaint, place: Place & { readonly span: Span }): void {
  if (c.diagnostics.length > diagnosticsMax) return;
  const { summary, detail } = c.diagnostics.length === diagnosticsMax ? complaints.tooManyErrors : complaint;
  const { span, openedAt } = place;
  c.diagnostics.push({
    severity: 'error',
    summary,
    detail: typeof detail === 'string' ? detail : detail(describeToken(peek(c), textOf(c))),
    source: c.source,
    span,
    ...(openedAt === undefined ? {} : { context: { start: openedAt, end: span.end } }),
  });
}

/** Goes one level deeper, if the bound on nesting allows one; the caller comes back by `c.depth--`. */
export function enter(c: Cursor): boolean {
  if (c.depth >= nestingDepthMax) {
    abandon(c, complaints.nestingTooDeep);
    return false;
  }
  c.depth++;
  return true;
}

/** Notes that an expression was made above others, the tallest of which has the given height. */
export function grow(c: Cursor, below: number): void {
  c.height = below + 1;
  if (c.height > expressionHeightMax) fail(c, complaints.expressionTooTall);
}

/** Changes what newlines mean; the caller sets `c.newlines` back to what this returns. */
export function setNewlines(c: Cursor, newlines: boolean): boolean {
  const outer = c.newlines;
  c.newlines = newlines;
  return outer;
}
