// Where parsing goes on after a mistake: at the next line that can begin an item of the body. Brackets that were left
// open must not swallow the rest of the text, so indentation has a say.
import type { Cursor } from './cursor.ts';
import { Token } from './tokens.ts';
import type { TokenKind } from './tokens.ts';

/**
 * Takes the cursor from its failure to where the body goes on: the newline before an item, or the brace that closes
 * the body's block. `itemAt` is the index of the first token of the item that failed. False when the text ends before.
 */
export function recover(c: Cursor, itemAt: number): boolean {
  const { kinds } = c.tokens;
  const failedAt = c.failedAt ?? c.at;
  const indentation = indentationOf(c, itemAt);
  let open = 0;
  for (let at = itemAt; at < kinds.length - 1; at++) {
    const kind = kinds[at] ?? Token.end;
    const resumes =
      at >= failedAt &&
      (kind === Token.newline
        ? open === 0
          ? beginsItem(c, at + 1, kinds[failedAt] === Token.newline)
          : isBackAtMargin(c, at + 1, indentation)
        : kind === Token.closeBrace && open === 0 && c.depth > 0);
    if (resumes) {
      c.at = at;
      c.failedAt = null;
      return true;
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

/** Whether a line can begin an item, or end the block. After an expression that broke off it may as well go on with it. */
function beginsItem(c: Cursor, at: number, brokenOff: boolean): boolean {
  const kind = c.tokens.kinds[at];
  if (kind === Token.identifier) return brokenOff ? looksLikeItem(c, at) : true;
  return kind === Token.closeBrace && c.depth > 0;
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
