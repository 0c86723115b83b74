// Expressions (hclsyntax/spec.md, "Expressions": terms, operations, conditionals, function calls), by recursive
// descent. Newlines end an expression, except between parentheses and brackets.
import type { BinaryOperator, CallExpression, Expression, InvalidExpression } from './ast.ts';
import { complaints } from './complaints.ts';
import {
  abandon,
  enter,
  expect,
  fail,
  failAtEnd,
  grow,
  peek,
  setNewlines,
  startOf,
  take,
  takeIf,
  takeName,
  textOf,
} from './cursor.ts';
import type { Cursor } from './cursor.ts';
import { exponentDigitsMax } from './limits.ts';
import { parseAccess } from './parse-access.ts';
import { parseObjectOrFor, parseTupleOrFor } from './parse-collection.ts';
import { parseHeredoc, parseQuoted } from './parse-template.ts';
import { Token } from './tokens.ts';
import type { TokenKind } from './tokens.ts';

/** Binary operators by kind of token. Higher levels bind tighter; within a level the leftmost binds first. */
const binaryOperators = new Map<TokenKind, { readonly operator: BinaryOperator; readonly level: number }>([
  [Token.star, { operator: '*', level: 6 }],
  [Token.slash, { operator: '/', level: 6 }],
  [Token.percent, { operator: '%', level: 6 }],
  [Token.plus, { operator: '+', level: 5 }],
  [Token.minus, { operator: '-', level: 5 }],
  [Token.greater, { operator: '>', level: 4 }],
  [Token.greaterOrEqual, { operator: '>=', level: 4 }],
  [Token.less, { operator: '<', level: 4 }],
  [Token.lessOrEqual, { operator: '<=', level: 4 }],
  [Token.equal, { operator: '==', level: 3 }],
  [Token.notEqual, { operator: '!=', level: 3 }],
  [Token.and, { operator: '&&', level: 2 }],
  [Token.or, { operator: '||', level: 1 }],
]);

/** `Expression = ExprTerm | Operation | Conditional`. */
export function parseExpression(c: Cursor): Expression {
  if (!enter(c)) return invalid(c);
  const condition = parseBinary(c, 1);
  const expression = takeIf(c, Token.question) ? parseBranches(c, condition) : condition;
  c.depth--;
  return expression;
}

/** `Conditional = Expression "?" Expression ":" Expression`, from behind the question mark. */
function parseBranches(c: Cursor, condition: Expression): Expression {
  let height = c.height;
  const then = parseExpression(c);
  height = Math.max(height, c.height);
  const hasColon = expect(c, Token.colon, complaints.missingFalseExpression);
  const otherwise = hasColon ? parseExpression(c) : invalid(c);
  grow(c, Math.max(height, c.height));
  return { node: 'conditional', condition, then, otherwise, start: condition.start, end: c.lastEnd };
}

/** A chain of binary operators that bind at least as tight as the given level. */
function parseBinary(c: Cursor, lowest: number): Expression {
  let left = parseUnary(c);
  for (;;) {
    const found = binaryOperators.get(peek(c));
    if (found === undefined || found.level < lowest) return left;
    const height = c.height;
    take(c);
    const right = parseBinary(c, found.level + 1);
    grow(c, Math.max(height, c.height));
    left = { node: 'binary', operator: found.operator, left, right, start: left.start, end: right.end };
  }
}

/** `unaryOp = ("-" | "!") ExprTerm`; the operand may have a sign of its own. */
function parseUnary(c: Cursor): Expression {
  const kind = peek(c);
  if (kind !== Token.minus && kind !== Token.bang) return parseAccess(c, parseTerm(c));
  if (!enter(c)) return invalid(c);
  const start = startOf(c);
  take(c);
  const operand = parseUnary(c);
  grow(c, c.height);
  c.depth--;
  return { node: 'unary', operator: kind === Token.minus ? '-' : '!', operand, start, end: operand.end };
}

/** `ExprTerm`, without the accesses that may follow it. */
function parseTerm(c: Cursor): Expression {
  c.height = 1;
  const kind = peek(c);
  const start = startOf(c);
  switch (kind) {
    case Token.number:
      return parseNumber(c, start);
    case Token.identifier:
      return parseNamed(c, start);
    case Token.openQuote:
      return parseQuoted(c);
    case Token.openHeredoc:
      return parseHeredoc(c);
    case Token.openBracket:
      return parseTupleOrFor(c);
    case Token.openBrace:
      return parseObjectOrFor(c);
    case Token.openParenthesis:
      return parseParentheses(c, start);
    default:
      failWithoutTerm(c, kind);
      return invalid(c);
  }
}

/** No term begins here. What other languages have in its place gets its own answer. */
function failWithoutTerm(c: Cursor, kind: TokenKind): void {
  const next = c.tokens.kinds[c.at + 1];
  if (kind === Token.newline) fail(c, complaints.brokenExpression);
  else if (kind === Token.less && next === Token.less) abandon(c, complaints.invalidHeredoc);
  else if ((kind === Token.dot || kind === Token.plus) && next === Token.number)
    fail(c, complaints.numberWithSign);
  else fail(c, complaints.invalidExpression);
}

/** `NumericLit = decimal+ ("." decimal+)? (expmark decimal+)?`, the exponent within bounds. */
const numberForm = new RegExp(`^[0-9]+(\\.[0-9]+)?([eE][+-]?0*[0-9]{1,${String(exponentDigitsMax)}})?$`);

function parseNumber(c: Cursor, start: number): Expression {
  const digits = textOf(c);
  if (!numberForm.test(digits)) fail(c, complaints.invalidNumber);
  take(c);
  return { node: 'literal', literal: { kind: 'number', digits }, start, end: c.lastEnd };
}

/** A keyword, a variable or a function call. */
function parseNamed(c: Cursor, start: number): Expression {
  const name = takeName(c);
  const end = c.lastEnd;
  const follower = peek(c);
  if (follower === Token.openParenthesis || follower === Token.doubleColon) return parseCall(c, name, start);
  switch (name) {
    case 'true':
    case 'false':
      return { node: 'literal', literal: { kind: 'bool', value: name === 'true' }, start, end };
    case 'null':
      return { node: 'literal', literal: { kind: 'null' }, start, end };
    default:
      return { node: 'variable', name, start, end };
  }
}

/** `FunctionCall = Identifier ("::" Identifier)* "(" arguments ")"`, from behind the first identifier. */
function parseCall(c: Cursor, firstName: string, start: number): Expression {
  let name = firstName;
  while (takeIf(c, Token.doubleColon)) {
    if (peek(c) === Token.identifier) name += `::${takeName(c)}`;
    else fail(c, complaints.missingFunctionName);
  }
  const nameSpan = { start, end: c.lastEnd };
  const outer = setNewlines(c, false);
  const { expressions, expand } = expect(c, Token.openParenthesis, complaints.missingOpenParenthesis)
    ? parseArguments(c, c.lastEnd - 1)
    : { expressions: [], expand: false };
  c.newlines = outer;
  return { node: 'call', name, nameSpan, arguments: expressions, expand, start, end: c.lastEnd };
}

/** Everything behind the opening parenthesis, the closing one included. */
function parseArguments(
  c: Cursor,
  openedAt: number,
): { expressions: CallExpression['arguments']; expand: boolean } {
  const expressions: Expression[] = [];
  let height = 0;
  let expand = false;
  while (!takeIf(c, Token.closeParenthesis)) {
    if (failAtEnd(c, complaints.unclosedCall, openedAt)) break;
    expressions.push(parseExpression(c));
    height = Math.max(height, c.height);
    expand = peek(c) === Token.ellipsis;
    if (expand) {
      const ellipsis = { start: startOf(c), end: startOf(c) + 3 };
      take(c);
      if (!takeIf(c, Token.closeParenthesis)) fail(c, complaints.argumentAfterExpansion, { span: ellipsis });
      break;
    }
    if (peek(c) !== Token.closeParenthesis)
      expect(c, Token.comma, complaints.missingArgumentSeparator, openedAt);
    if (c.failedAt !== null) break;
  }
  grow(c, height);
  return { expressions, expand };
}

/** `"(" Expression ")"`. */
function parseParentheses(c: Cursor, start: number): Expression {
  const outer = setNewlines(c, false);
  take(c);
  failAtEnd(c, complaints.unclosedParenthesis, start);
  const inner = parseExpression(c);
  expect(c, Token.closeParenthesis, complaints.missingCloseParenthesis, start);
  c.newlines = outer;
  grow(c, c.height);
  return { node: 'parentheses', inner, start, end: c.lastEnd };
}

function invalid(c: Cursor): InvalidExpression {
  c.height = 1;
  return { node: 'invalid', start: c.lastEnd, end: c.lastEnd };
}
