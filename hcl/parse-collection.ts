// Tuples, objects and for expressions (hclsyntax/spec.md, "Collection Values" and "For Expressions").
import type { Expression, ForExpression, ObjectItem } from './ast.ts';
import { complaints } from './complaints.ts';
import { expect, fail, failAtEnd, grow, peek, setNewlines, startOf, take, takeIf } from './cursor.ts';
import type { Cursor } from './cursor.ts';
import { atWord, parseLoopNames } from './parse-names.ts';
import { Token } from './tokens.ts';

// The word `for` behind an opening delimiter always begins a for expression.

/** `"[" (Expression ("," Expression)* ","?)? "]"`, or a for expression. Newlines are white space. */
export function parseTupleOrFor(c: Cursor): Expression {
  const start = startOf(c);
  const outer = setNewlines(c, false);
  take(c);
  const expression = atWord(c, 'for') ? parseFor(c, 'tuple', start) : parseTuple(c, start);
  c.newlines = outer;
  return expression;
}

function parseTuple(c: Cursor, start: number): Expression {
  const items: Expression[] = [];
  let height = 0;
  while (!takeIf(c, Token.closeBracket)) {
    if (failAtEnd(c, complaints.unclosedTuple, start)) break;
    items.push(c.expression(c));
    height = Math.max(height, c.height);
    if (peek(c) !== Token.closeBracket) expect(c, Token.comma, complaints.missingItemSeparator, start);
    if (c.failedAt !== null) break;
  }
  grow(c, height);
  return { node: 'tuple', items, start, end: c.lastEnd };
}

/** `"{" (objectelem ("," objectelem)* ","?)? "}"`, or a for expression, in which newlines are white space. */
export function parseObjectOrFor(c: Cursor): Expression {
  const start = startOf(c);
  const outer = setNewlines(c, false);
  take(c);
  const isFor = atWord(c, 'for');
  if (!isFor) c.newlines = true;
  const expression = isFor ? parseFor(c, 'object', start) : parseObject(c, start);
  c.newlines = outer;
  return expression;
}

/** A newline separates items as a comma does, so inside an object newlines are tokens. */
function parseObject(c: Cursor, start: number): Expression {
  const items: ObjectItem[] = [];
  let height = 0;
  for (;;) {
    while (takeIf(c, Token.newline));
    if (takeIf(c, Token.closeBrace) || failAtEnd(c, complaints.unclosedObject, start)) break;
    items.push(parseObjectItem(c));
    height = Math.max(height, c.height);
    if (takeIf(c, Token.closeBrace)) break;
    if (!takeIf(c, Token.newline)) expect(c, Token.comma, complaints.missingAttributeSeparator, start);
    if (c.failedAt !== null) break;
  }
  grow(c, height);
  return { node: 'object', items, start, end: c.lastEnd };
}

/** `objectelem = (Identifier | Expression) ("=" | ":") Expression`. */
function parseObjectItem(c: Cursor): ObjectItem {
  const key = c.expression(c);
  let height = c.height;
  const separator = peek(c);
  if (separator === Token.assign || separator === Token.colon) take(c);
  else if (separator === Token.newline || separator === Token.comma)
    fail(c, complaints.missingAttributeValue);
  else fail(c, complaints.missingKeySeparator);
  const value = c.expression(c);
  height = Math.max(height, c.height);
  c.height = height;
  return { key, bareKey: bareKeyOf(c, key), value, start: key.start, end: value.end };
}

/** The keywords, too, are plain names when they are keys. */
function bareKeyOf(c: Cursor, key: Expression): string | null {
  if (key.node === 'variable') return key.name;
  if (key.node === 'literal' && key.literal.kind !== 'number') return c.source.text.slice(key.start, key.end);
  return null;
}

/** `forIntro Expression ("=>" Expression "..."?)? forCond?` and the closing delimiter. */
function parseFor(c: Cursor, form: ForExpression['form'], start: number): Expression {
  take(c);
  let height = 0;
  const read = (): Expression => {
    const expression = c.expression(c);
    height = Math.max(height, c.height);
    return expression;
  };
  const { key: keyName, value: valueName } = parseLoopNames(c);
  const collection = read();
  expect(c, Token.colon, complaints.missingForColon);
  const first = read();
  const result = form === 'object' ? parseForPair(c, first, read) : parseForItem(c, first);
  const condition = atWord(c, 'if') ? (take(c), read()) : null;
  expect(c, form === 'tuple' ? Token.closeBracket : Token.closeBrace, complaints.afterFor, start);
  grow(c, height);
  return { node: 'for', form, keyName, valueName, collection, ...result, condition, start, end: c.lastEnd };
}

type ForResult = Pick<ForExpression, 'key' | 'value' | 'group'>;

function parseForPair(c: Cursor, key: Expression, read: () => Expression): ForResult {
  if (!takeIf(c, Token.arrow)) fail(c, complaints.missingForKey, { span: key });
  return { key, value: read(), group: takeIf(c, Token.ellipsis) };
}

function parseForItem(c: Cursor, value: Expression): ForResult {
  if (peek(c) === Token.arrow) fail(c, complaints.keyInTupleFor, { span: value });
  if (peek(c) === Token.ellipsis) fail(c, complaints.groupingInTupleFor);
  return { key: null, value, group: false };
}
