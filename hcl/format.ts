// The canonical layout of a text (what `terraform fmt` made customary): two spaces for each level, one between tokens,
// equals signs and comments of neighbouring lines in a column. Words, comments, blank lines and heredocs stay as they are.
import { graphemesOf } from './characters.ts';
import { isSpaceBetween } from './format-spacing.ts';
import { formattedLengthMax } from './limits.ts';
import { scan } from './scan.ts';
import { Token } from './tokens.ts';
import type { TokenKind, Tokens } from './tokens.ts';

/** A text being laid out: its tokens, and for each one the spaces before it, or KEPT for those that stand there now. */
interface Layout {
  readonly text: string;
  readonly tokens: Tokens;
  readonly spaces: number[];
}

const KEPT = -1;

/** Tokens from `start` to before `end`; the last is a newline or a comment with one, except at the end of the text. */
interface Line {
  readonly start: number;
  readonly end: number;
  /**
   * How many brackets the line opens beyond those it closes, negative when it closes more. Behind the beginning of a
   * heredoc they do not count, for its text stays where it is.
   */
  readonly nesting: number;
}

/**
 * Formats a text. Doing it to HCL again changes nothing more. A text that is not HCL keeps its words all the same, and
 * one that would grow beyond `formattedLengthMax` stays as it is.
 */
export function format(text: string): string {
  const tokens = scan(text, { mode: 'expression', keepComments: true });
  const layout = { text, tokens, spaces: new Array<number>(tokens.kinds.length).fill(KEPT) };
  const lines = splitLines(layout);
  for (const line of lines) separate(layout, line);
  indent(layout, lines);
  keepTrailingSpaces(layout);
  align(layout, lines, equalsSignOf);
  align(layout, lines, trailingCommentOf);
  return print(layout);
}

function kindAt({ tokens }: Layout, at: number): TokenKind {
  return tokens.kinds[at] ?? Token.end;
}

function textAt({ text, tokens }: Layout, at: number): string {
  return text.slice(tokens.starts[at], tokens.ends[at]);
}

function isLineComment(layout: Layout, at: number): boolean {
  return kindAt(layout, at) === Token.comment && !textAt(layout, at).startsWith('/*');
}

function splitLines(layout: Layout): readonly Line[] {
  const lines: Line[] = [];
  let start = 0;
  let nesting = 0;
  let hasHeredoc = false;
  for (let at = 0; at < layout.tokens.kinds.length; at++) {
    const kind = kindAt(layout, at);
    hasHeredoc ||= kind === Token.openHeredoc;
    if (!hasHeredoc) nesting += nestingOf(kind);
    if (kind !== Token.newline && kind !== Token.end && !isLineComment(layout, at)) continue;
    lines.push({ start, end: at + 1, nesting });
    start = at + 1;
    nesting = 0;
    hasHeredoc = false;
  }
  return lines;
}

function nestingOf(kind: TokenKind): number {
  switch (kind) {
    case Token.openBrace:
    case Token.openBracket:
    case Token.openParenthesis:
    case Token.openInterpolation:
    case Token.openDirective:
      return 1;
    case Token.closeBrace:
    case Token.closeBracket:
    case Token.closeParenthesis:
    case Token.closeSequence:
      return -1;
    default:
      return 0;
  }
}

/** One space or none between the tokens of a line. What stands around the end of a heredoc stays. */
function separate(layout: Layout, line: Line): void {
  for (let at = line.start + 1; at < line.end; at++) {
    const next = kindAt(layout, at);
    const previous = kindAt(layout, at - 1);
    if (next === Token.closeHeredoc || previous === Token.closeHeredoc) continue;
    const beforePrevious = at - 2 < line.start ? null : kindAt(layout, at - 2);
    const isIn =
      beforePrevious === Token.identifier && previous === Token.identifier && textAt(layout, at - 1) === 'in';
    layout.spaces[at] = isSpaceBetween({ beforePrevious, previous, isIn, next }) ? 1 : 0;
  }
}

/**
 * Two spaces for each line above whose brackets are still open. A line that opens several is one level all the same,
 * which ends when all of them are closed.
 */
function indent(layout: Layout, lines: readonly Line[]): void {
  const open: number[] = [];
  for (const { start, nesting } of lines) {
    for (let closing = -nesting; closing > 0 && open.length > 0;) {
      const innermost = open.pop() ?? 0;
      if (innermost > closing) open.push(innermost - closing);
      closing -= innermost;
    }
    layout.spaces[start] = kindAt(layout, start) === Token.newline ? 0 : open.length * 2;
    if (nesting > 0) open.push(nesting);
  }
}

/** The first equals sign of a line, if all brackets behind it are closed on the line. */
function equalsSignOf(layout: Layout, { start, end }: Line): number | null {
  let at = start;
  while (at < end && kindAt(layout, at) !== Token.assign) at++;
  if (at === start || at === end) return null;
  let open = 0;
  for (let behind = at; behind < end; behind++) open += nestingOf(kindAt(layout, behind));
  return open === 0 ? at : null;
}

/** The comment that ends a line on which something stands before it; an inline comment may end the last line. */
function trailingCommentOf(layout: Layout, { start, end }: Line): number | null {
  const last = kindAt(layout, end - 1) === Token.end ? end - 2 : end - 1;
  return last > start && kindAt(layout, last) === Token.comment ? last : null;
}

/** Puts the token that `cellOf` finds into one column on all neighbouring lines that have one. */
function align(
  layout: Layout,
  lines: readonly Line[],
  cellOf: (layout: Layout, line: Line) => number | null,
): void {
  let group: { readonly at: number; readonly width: number }[] = [];
  for (const line of lines) {
    const at = cellOf(layout, line);
    if (at !== null) group.push({ at, width: widthOf(layout, line.start, at) });
    else {
      alignGroup(layout, group);
      group = [];
    }
  }
  alignGroup(layout, group);
}

function alignGroup(layout: Layout, group: readonly { readonly at: number; readonly width: number }[]): void {
  const widest = group.reduce((most, { width }) => Math.max(most, width), 0);
  for (const { at, width } of group) layout.spaces[at] = widest - width + 1;
}

/** Columns that tokens take, with the spaces before them. */
function widthOf(layout: Layout, start: number, end: number): number {
  let width = 0;
  for (let at = start; at < end; at++) {
    const text = textAt(layout, at);
    width +=
      Math.max(0, layout.spaces[at] ?? 0) +
      (/^[\x20-\x7e]*$/.test(text) ? text.length : graphemesOf(text).length);
  }
  return width;
}

/** Spaces at the very end of the text stay, as custom has it. */
function keepTrailingSpaces({ text, tokens, spaces }: Layout): void {
  const last = tokens.kinds.length - 1;
  const end = tokens.ends[last - 1] ?? (text.startsWith('\ufeff') ? 1 : 0);
  spaces[last] = text.length - end;
}

function print(layout: Layout): string {
  const { text, tokens, spaces } = layout;
  const length = spaces.reduce((sum, count) => sum + Math.max(count, 0), text.length);
  if (length > formattedLengthMax) return text;
  let printed = '';
  let end = 0;
  for (const [at, start] of tokens.starts.entries()) {
    const count = spaces[at] ?? KEPT;
    printed += (count === KEPT ? text.slice(end, start) : ' '.repeat(count)) + textAt(layout, at);
    end = tokens.ends[at] ?? start;
  }
  return printed;
}
