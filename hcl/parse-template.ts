// Templates (hclsyntax/spec.md, "Template Expressions" and "Templates"): quoted, heredoc and bare, and the quoted labels
// of blocks. Their pieces are read in a row, stripped, and assembled.
import type { Label, TemplateExpression } from './ast.ts';
import { assemble } from './assemble-template.ts';
import { complaints } from './complaints.ts';
import { expect, fail, grow, peek, setNewlines, spanOf, startOf, take, textOf } from './cursor.ts';
import type { Cursor } from './cursor.ts';
import { parseLoopNames } from './parse-names.ts';
import { stripIndentation, stripMarked } from './template-pieces.ts';
import type { Piece, Sequence } from './template-pieces.ts';
import { Token } from './tokens.ts';
import { unescapeQuoted, unescapeSigns } from './unescape.ts';

/** A template between double quotes, on one line, with escapes. */
export function parseQuoted(c: Cursor): TemplateExpression {
  const start = startOf(c);
  take(c);
  if (c.tokens.kinds[c.at] === Token.text && c.tokens.kinds[c.at + 1] === Token.closeQuote)
    return parsePlain(c, start);
  const pieces = readPieces(c, 'quoted');
  const parts = assemble(c, stripMarked(pieces), spanOf(c));
  expect(c, Token.closeQuote, complaints.unclosedQuoted, start);
  return { node: 'template', form: 'quoted', parts, start, end: c.lastEnd };
}

/** Text alone, as most strings are, needs no assembling. */
function parsePlain(c: Cursor, start: number): TemplateExpression {
  const textStart = startOf(c);
  const value = unescapeQuoted(c, textOf(c), textStart);
  take(c);
  const parts = [{ part: 'text', value, start: textStart, end: c.lastEnd } as const];
  take(c);
  grow(c, 0);
  return { node: 'template', form: 'quoted', parts, start, end: c.lastEnd };
}

/** `<<NAME` takes its text as it stands, `<<-NAME` without the indentation that all its lines share. */
export function parseHeredoc(c: Cursor): TemplateExpression {
  const start = startOf(c);
  const flush = textOf(c).startsWith('<<-');
  const marker = textOf(c).replace(/^<<-?/, '').trim();
  take(c);
  const pieces = stripMarked(readPieces(c, 'heredoc'));
  const parts = assemble(c, flush ? stripIndentation(pieces) : pieces, spanOf(c));
  expect(c, Token.closeHeredoc, complaints.unclosedHeredoc(marker), start);
  return { node: 'template', form: 'heredoc', parts, start, end: c.lastEnd };
}

/** A template that makes up a text of its own. */
export function parseBare(c: Cursor): TemplateExpression {
  const parts = assemble(c, stripMarked(readPieces(c, 'bare')), spanOf(c));
  return { node: 'template', form: 'bare', parts, start: 0, end: c.source.text.length };
}

/** A block's label in quotes: text and escapes, but nothing to evaluate. */
export function parseQuotedLabel(c: Cursor): Label {
  const start = startOf(c);
  take(c);
  let value = '';
  if (peek(c) === Token.text) {
    value = unescapeQuoted(c, textOf(c), startOf(c)).normalize('NFC');
    take(c);
  }
  const isUnclosed = peek(c) === Token.end;
  expect(c, Token.closeQuote, isUnclosed ? complaints.unclosedLabel : complaints.templateInLabel, start);
  return { value, quoted: true, start, end: c.lastEnd };
}

/** Everything up to a token that belongs to no template. */
function readPieces(c: Cursor, form: TemplateExpression['form']): readonly Piece[] {
  const pieces: Piece[] = [];
  let height = 0;
  for (;;) {
    const kind = peek(c);
    const start = startOf(c);
    if (kind === Token.text) readText(c, form, pieces);
    else if (kind === Token.openInterpolation || kind === Token.openDirective) {
      c.height = 0;
      const stripLeft = textOf(c).endsWith('~');
      const outer = setNewlines(c, false);
      take(c);
      const sequence = kind === Token.openInterpolation ? readInterpolation(c) : readDirective(c);
      const stripRight = textOf(c).startsWith('~');
      expect(c, Token.closeSequence, complaints.unclosedSequence, start);
      c.newlines = outer;
      pieces.push({ ...sequence, stripLeft, stripRight, start, end: c.lastEnd });
      height = Math.max(height, c.height);
    } else break;
  }
  grow(c, height);
  return pieces;
}

function readText(c: Cursor, form: TemplateExpression['form'], pieces: Piece[]): void {
  const start = startOf(c);
  const text = textOf(c);
  take(c);
  if (form === 'quoted') {
    pieces.push({ piece: 'text', value: unescapeQuoted(c, text, start), start, end: c.lastEnd });
    return;
  }
  for (let from = 0; from < text.length;) {
    const newline = form === 'heredoc' ? text.indexOf('\n', from) : -1;
    const to = newline === -1 ? text.length : newline + 1;
    pieces.push({
      piece: 'text',
      value: unescapeSigns(text.slice(from, to)),
      start: start + from,
      end: start + to,
    });
    from = to;
  }
}

function readInterpolation(c: Cursor): Sequence {
  return { piece: 'interpolation', expression: c.expression(c) };
}

/** What stands between `%{` and its brace. */
function readDirective(c: Cursor): Sequence {
  if (peek(c) !== Token.identifier) fail(c, complaints.missingDirective);
  const word = textOf(c);
  switch (word) {
    case 'if':
      take(c);
      return { piece: 'if', condition: c.expression(c) };
    case 'for': {
      take(c);
      const { key, value } = parseLoopNames(c);
      return { piece: 'for', key, value, collection: c.expression(c) };
    }
    case 'else':
    case 'endif':
    case 'endfor':
      take(c);
      return { piece: word };
    default:
      fail(c, complaints.unknownDirective(word));
      return { piece: 'else' };
  }
}
