// Bodies, arguments and blocks (hclsyntax/spec.md, "Structural Elements"). After a mistake the body goes on with its
// next item, so that one reading of a text tells all of them.
import type { Attribute, Block, Body, Label, Span } from './ast.ts';
import { isDigit } from './characters.ts';
import { complaints } from './complaints.ts';
import type { Complaint } from './complaints.ts';
import {
  abandon,
  enter,
  expect,
  fail,
  peek,
  peekBeyondNewlines,
  report,
  startOf,
  take,
  takeIf,
  takeName,
  textOf,
} from './cursor.ts';
import type { Cursor } from './cursor.ts';
import { lineOf } from './diagnostic.ts';
import { diagnosticsMax } from './limits.ts';
import { parseQuotedLabel } from './parse-template.ts';
import { recover } from './recover.ts';
import { Token } from './tokens.ts';
import type { TokenKind } from './tokens.ts';

/** `Body = (Attribute | Block | OneLineBlock)*`, up to a closing brace or the end of the text, neither of them taken. */
export function parseBody(c: Cursor): Body {
  const start = c.lastEnd;
  const items: (Attribute | Block)[] = [];
  while (c.failedAt === null) {
    while (takeIf(c, Token.newline));
    if (peek(c) === Token.end || (peek(c) === Token.closeBrace && c.depth > 0)) break;
    const itemAt = c.at;
    const item = parseItem(c);
    if (item !== null) items.push(item);
    if (c.failedAt !== null) recover(c, itemAt);
    if (c.diagnostics.length > diagnosticsMax) abandon(c, complaints.tooManyErrors);
  }
  return bodyOf(c, items, { start, end: startOf(c) });
}

/** "Each distinct attribute name may be defined no more than once within a single body." */
function bodyOf(c: Cursor, items: readonly (Attribute | Block)[], span: Span): Body {
  const byName = new Map<string, Attribute>();
  const attributes: Attribute[] = [];
  const blocks: Block[] = [];
  for (const item of items) {
    if (item.node === 'block') {
      blocks.push(item);
      continue;
    }
    const first = byName.get(item.name);
    if (first === undefined) {
      byName.set(item.name, item);
      attributes.push(item);
    } else {
      const complaint = complaints.attributeRedefined(item.name, lineOf(c.source, first.start));
      report(c, complaint, { span: item.nameSpan, openedAt: first.start });
    }
  }
  return { attributes, blocks, items, start: span.start, end: span.end };
}

function parseItem(c: Cursor): Attribute | Block | null {
  const kind = peek(c);
  if (kind !== Token.identifier) {
    const stray = kind === Token.openQuote ? complaints.quotedName : complaints.missingItem;
    fail(c, kind === Token.closeBrace ? complaints.extraCloseBrace : stray);
    return null;
  }
  const start = startOf(c);
  const name = takeName(c);
  const nameSpan = { start, end: c.lastEnd };
  switch (peek(c)) {
    case Token.assign: {
      const attribute = parseAttribute(c, name, nameSpan);
      expectLineEnd(c);
      return attribute;
    }
    case Token.openBrace:
    case Token.openQuote:
    case Token.identifier:
      return parseBlock(c, name, nameSpan);
    default:
      failAfterName(c, name, nameSpan);
      return null;
  }
}

/** A name is followed neither by a value nor by a block: reported at the name, as what it should be is unknown. */
function failAfterName(c: Cursor, name: string, nameSpan: Span): void {
  switch (peek(c)) {
    case Token.colon:
      return fail(c, complaints.colonAfterName(name), { span: nameSpan });
    case Token.dot:
    case Token.openBracket:
      return fail(c, complaints.dottedName(name), { span: nameSpan });
    case Token.equal:
      return fail(c, complaints.doubleEquals(name), { span: nameSpan });
    case Token.newline:
    case Token.end:
    case Token.closeBrace: {
      const complaint = peekBeyondNewlines(c) === Token.openBrace ? complaints.newlineInBlockHeader : null;
      return fail(c, complaint ?? complaints.nameAlone(name), { span: nameSpan });
    }
    default:
      return fail(c, complaints.unexpectedAfterName, { span: nameSpan });
  }
}

/** `Attribute = Identifier "=" Expression`, from behind the name. */
function parseAttribute(c: Cursor, name: string, nameSpan: Span): Attribute {
  take(c);
  const expression = c.expression(c);
  return { node: 'attribute', name, nameSpan, expression, start: nameSpan.start, end: expression.end };
}

function expectLineEnd(c: Cursor): void {
  const kind = peek(c);
  if (kind !== Token.newline && kind !== Token.end) fail(c, complaintBehindValue(c, kind));
}

/** What stands behind a value is often what other languages have there. */
function complaintBehindValue(c: Cursor, kind: TokenKind): Complaint {
  switch (kind) {
    case Token.comma:
      return complaints.commaAfterArgument;
    case Token.closeBrace:
      return c.depth > 0 ? complaints.braceBehindArgument : complaints.extraBracket;
    case Token.closeBracket:
    case Token.closeParenthesis:
      return complaints.extraBracket;
    case Token.identifier:
      return complaintAboutWord(c);
    default:
      return complaints.missingNewlineAfterArgument;
  }
}

/** How much of a number is looked at for a message. */
const NUMBER_LENGTH_SHOWN = 40;

function complaintAboutWord(c: Cursor): Complaint {
  const { text } = c.source;
  const word = textOf(c);
  const before =
    /[\w.]*$/.exec(text.slice(Math.max(0, c.lastEnd - NUMBER_LENGTH_SHOWN), c.lastEnd))?.[0] ?? '';
  if (word === 'and') return complaints.wordAsOperator(word, '&&');
  if (word === 'or') return complaints.wordAsOperator(word, '||');
  if (before === 'not') return complaints.wordAsOperator(before, '!');
  const touchesNumber = startOf(c) === c.lastEnd && isDigit(before.charCodeAt(0));
  return touchesNumber ? complaints.numberWithUnit(before + word) : complaints.missingNewlineAfterArgument;
}

/** `Block = Identifier (StringLit|Identifier)* "{" … "}"`, from behind the type. */
function parseBlock(c: Cursor, type: string, typeSpan: Span): Block | null {
  const labels: Label[] = [];
  for (let kind = peek(c); kind === Token.identifier || kind === Token.openQuote; kind = peek(c)) {
    labels.push(kind === Token.openQuote ? parseQuotedLabel(c) : parseBareLabel(c));
  }
  const header = { start: typeSpan.start, end: c.lastEnd };
  const kind = peek(c);
  if (kind !== Token.openBrace) {
    if (kind === Token.assign) fail(c, complaints.equalsInBlockHeader);
    else fail(c, kind === Token.newline ? complaints.newlineInBlockHeader : complaints.invalidBlockHeader);
    return null;
  }
  if (!enter(c)) return null;
  take(c);
  const body = takeIf(c, Token.newline) ? parseBody(c) : parseOneLineBody(c);
  c.depth--;
  if (expect(c, Token.closeBrace, complaints.unclosedBlock(type), typeSpan.start)) {
    const follower = peek(c);
    if (follower !== Token.newline && follower !== Token.end) fail(c, complaints.missingNewlineAfterBlock);
  }
  return { node: 'block', type, typeSpan, labels, body, header, start: typeSpan.start, end: c.lastEnd };
}

function parseBareLabel(c: Cursor): Label {
  const start = startOf(c);
  const value = takeName(c);
  return { value, quoted: false, start, end: c.lastEnd };
}

/** `OneLineBlock`: between braces on one line stands at most one argument, and never a block. */
function parseOneLineBody(c: Cursor): Body {
  const span = { start: c.lastEnd, end: startOf(c) };
  const kind = peek(c);
  if (kind === Token.closeBrace || kind === Token.end) return bodyOf(c, [], span);
  if (kind !== Token.identifier) {
    fail(c, complaints.missingItem);
    return bodyOf(c, [], span);
  }
  const start = startOf(c);
  const name = takeName(c);
  const nameSpan = { start, end: c.lastEnd };
  const follower = peek(c);
  if (follower === Token.assign) {
    const attribute = parseAttribute(c, name, nameSpan);
    if (peek(c) === Token.newline) fail(c, complaints.oneLineBlockGoesOn);
    else if (peek(c) !== Token.closeBrace) fail(c, complaints.oneLineBlockHasMore);
    return bodyOf(c, [attribute], { start: span.start, end: c.lastEnd });
  }
  const isBlock =
    follower === Token.openBrace || follower === Token.openQuote || follower === Token.identifier;
  if (isBlock) fail(c, complaints.oneLineBlockWithoutArgument(name), { span: nameSpan });
  else failAfterName(c, name, nameSpan);
  return bodyOf(c, [], span);
}
