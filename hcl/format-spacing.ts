// Whether the canonical layout has a space between two tokens of a line.
import { Token } from './tokens.ts';
import type { TokenKind } from './tokens.ts';

/** Two tokens that stand side by side, and what matters of the ones before. */
export interface Neighbours {
  /** Tells a sign from a subtraction; null at the beginning of a line. */
  readonly beforePrevious: TokenKind | null;
  readonly previous: TokenKind;
  /** Whether the previous token is the `in` of a for expression, which is no name to be indexed. */
  readonly isIn: boolean;
  readonly next: TokenKind;
}

export function isSpaceBetween({ beforePrevious, previous, isIn, next }: Neighbours): boolean {
  if (isIn && isBracket(next)) return true;
  if (isTight(previous, next)) return false;
  if (previous === Token.minus) return beforePrevious !== null && !isBeforeOperand(beforePrevious);
  switch (next) {
    case Token.openBracket:
      return !isIndexable(previous);
    case Token.openParenthesis:
      return previous !== Token.identifier;
    case Token.closeBrace:
      return previous !== Token.openBrace;
    default:
      return true;
  }
}

/** Pairs between which there is never a space. */
function isTight(previous: TokenKind, next: TokenKind): boolean {
  switch (previous) {
    case Token.openParenthesis:
    case Token.openBracket:
    case Token.openQuote:
    case Token.openHeredoc:
    case Token.text:
    case Token.dot:
    case Token.bang:
    case Token.doubleColon:
      return true;
    case Token.openInterpolation:
    case Token.openDirective:
      return next !== Token.openBrace;
    default:
  }
  switch (next) {
    case Token.newline:
    case Token.end:
    case Token.comma:
    case Token.dot:
    case Token.ellipsis:
    case Token.doubleColon:
    case Token.closeQuote:
    case Token.unclosedQuote:
    case Token.unclosedHeredoc:
    case Token.text:
    case Token.openInterpolation:
    case Token.openDirective:
      return true;
    case Token.closeParenthesis:
    case Token.closeBracket:
      return previous !== Token.comma;
    case Token.closeSequence:
      return previous !== Token.closeBrace;
    default:
      return false;
  }
}

/** The brackets, but for the opening parenthesis: there the customary layout takes `in` for a function. */
function isBracket(kind: TokenKind): boolean {
  return (
    kind === Token.openBracket ||
    kind === Token.closeBracket ||
    kind === Token.closeParenthesis ||
    kind === Token.closeSequence
  );
}

function isIndexable(kind: TokenKind): boolean {
  return (
    kind === Token.identifier ||
    kind === Token.number ||
    kind === Token.closeBracket ||
    kind === Token.closeParenthesis ||
    kind === Token.closeBrace
  );
}

/** Whether what follows this token is an operand, so that a minus there is a sign. */
function isBeforeOperand(kind: TokenKind): boolean {
  switch (kind) {
    case Token.assign:
    case Token.openParenthesis:
    case Token.openBracket:
    case Token.openBrace:
    case Token.comma:
    case Token.colon:
    case Token.question:
      return true;
    default:
      return kind >= Token.bang && kind <= Token.or;
  }
}
