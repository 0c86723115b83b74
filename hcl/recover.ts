// Where parsing goes on after a mistake: at the next line that can begin an item of the body. Brackets that were left
// open must not swallow the rest of the text, so indentation has a say.
import type { Cursor } from './cursor.ts';
import { Token } from './tokens.ts';
import type { TokenKind } from './tokens.ts';

/**
 * Takes the cursor from its failure to where the body goes on: the first token of a line, or the brace that closes the
 * body's block. `itemAt` is the index of the first token of the item that failed. False when the text ends before.
 */
export function recover(c: Cursor, itemAt: number): boolean {
  const { kinds } = c.tokens;
  const failedAt = c.failedAt ?? c.at;
  const brokeOff = kinds[failedAt] === Token.newline;
  const indentation = indentationOf(c, itemAt);
  let open = 0;
  for (let at = itemAt; at < kinds.length - 1; at++) {
    const kind = kinds[at] ?? Token.end;
    if (at >= failedAt && at > itemAt) {
      const isFirst = kinds[at - 1] === Token.newline;
      const goesOn =
        isFirst &&
        (open === 0 ? beginsItem(c, at, brokeOff ? indentation : null) : isBackAtMargin(c, at, indentation));
      if (goesOn || (kind === Token.closeBrace && open === 0 && c.depth > 0)) {
        c.at = at;
        c.failedAt = null;
        return true;
      }
    }
    open = Math.max(0, open + nestingOf(kind));
  }
  return false;
}

function nestingOf(kind: TokenKind): number {
  switch (kind) {
    case Token.openBrace:
    case Token.openBracket:
    case Token.openParenthesis:
      return 1;
    case Token.closeBrace:
    case Token.closeBracket:
    case Token.closeParenthesis:
      return -1;
    default:
      return 0;
  }
}

/** Whether a line can begin an item. After an expression that broke off a deeper line may as well be the rest of it. */
function beginsItem(c: Cursor, at: number, margin: number | null): boolean {
  if (c.tokens.kinds[at] !== Token.identifier) return false;
  return margin === null || looksLikeItem(c, at) || indentationOf(c, at) <= margin;
}

/** Inside of brackets that are still open: whether they must have been meant to end before this line. */
function isBackAtMargin(c: Cursor, at: number, indentation: number): boolean {
  const kind = c.tokens.kinds[at];
  if (kind === Token.identifier) return looksLikeItem(c, at) && indentationOf(c, at) <= indentation;
  return kind === Token.closeBrace && c.depth > 0 && indentationOf(c, at) < indentation;
}

/** A name, and behind it what follows the name of an argument or the type of a block. */
function looksLikeItem(c: Cursor, at: number): boolean {
  switch (c.tokens.kinds[at + 1]) {
    case Token.assign:
    case Token.openBrace:
    case Token.openQuote:
    case Token.identifier:
      return true;
    default:
      return false;
  }
}

/** How many characters stand before the first one of the line on which the token begins that is no space. */
function indentationOf(c: Cursor, at: number): number {
  const { text } = c.source;
  const start = c.tokens.starts[at] ?? text.length;
  const lineStart = start === 0 ? 0 : text.lastIndexOf('\n', start - 1) + 1;
  let end = lineStart;
  while (text[end] === ' ' || text[end] === '\t') end++;
  return end - lineStart;
}
