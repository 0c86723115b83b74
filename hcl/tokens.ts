// The lexical elements (hclsyntax/spec.md, "Lexical Elements"): their kinds, and the arrays that hold them.

/**
 * Kinds of token. `open…`/`close…` name the delimiters; `text` is literal text inside a template; `sequence` is what
 * `${` and `%{` begin and `}` or `~}` ends; the last five are errors that the parser explains when it meets them.
 */
export const Token = {
  end: 0,
  newline: 1,
  comment: 2,
  identifier: 3,
  number: 4,

  openQuote: 5,
  closeQuote: 6,
  openHeredoc: 7,
  closeHeredoc: 8,
  text: 9,
  openInterpolation: 10,
  openDirective: 11,
  closeSequence: 12,

  openBrace: 13,
  closeBrace: 14,
  openBracket: 15,
  closeBracket: 16,
  openParenthesis: 17,
  closeParenthesis: 18,

  assign: 19,
  arrow: 20,
  comma: 21,
  dot: 22,
  ellipsis: 23,
  colon: 24,
  doubleColon: 25,
  question: 26,

  bang: 27,
  plus: 28,
  minus: 29,
  star: 30,
  slash: 31,
  percent: 32,
  equal: 33,
  notEqual: 34,
  less: 35,
  greater: 36,
  lessOrEqual: 37,
  greaterOrEqual: 38,
  and: 39,
  or: 40,

  invalidCharacter: 41,
  invalidOperator: 42,
  unclosedComment: 43,
  unclosedQuote: 44,
  unclosedHeredoc: 45,
} as const;

export type TokenKind = (typeof Token)[keyof typeof Token];

/**
 * The tokens of a text, one array a property, so that scanning allocates no object for a token. The last token is
 * `end`, whose start and end are the length of the text.
 */
export interface Tokens {
  readonly kinds: readonly TokenKind[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}
