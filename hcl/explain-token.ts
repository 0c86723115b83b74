// Tokens in words: how a message names one that it found, and what to say about those that can stand nowhere.
import type { Complaint } from './complaints.ts';
import { Token } from './tokens.ts';
import type { TokenKind } from './tokens.ts';

/** How a message names a token. */
export function describeToken(kind: TokenKind, text: string): string {
  switch (kind) {
    case Token.end:
      return 'the end of the text';
    case Token.newline:
      return 'the end of the line';
    case Token.identifier:
      return `the name "${text}"`;
    case Token.number:
      return `the number ${text}`;
    case Token.openQuote:
      return 'a string';
    case Token.openHeredoc:
      return 'a heredoc';
    case Token.closeSequence:
      return 'the brace that ends the template sequence';
    default:
      return `"${text}"`;
  }
}

/** What is wrong with a token that can stand nowhere, or null for the others. */
export function complaintAboutToken(kind: TokenKind, text: string): Complaint | null {
  switch (kind) {
    case Token.invalidOperator:
      return {
        summary: 'Unsupported operator',
        detail: operatorAdvice.get(text) ?? 'There are no bitwise operators.',
      };
    case Token.invalidCharacter:
      return { summary: 'Invalid character', detail: characterAdvice.get(text) ?? describeCharacter(text) };
    case Token.unclosedComment:
      return { summary: 'Unclosed comment', detail: 'A comment that begins with "/*" must end with "*/".' };
    case Token.unclosedQuote:
      return {
        summary: 'Invalid multi-line string',
        detail:
          'A quoted string ends on the line it begins on: a closing quote is missing before the end of this line. For a text of several lines write "\\n" where a line ends, or use a heredoc: <<EOT, the lines, and EOT on a line of its own.',
      };
    default:
      return null;
  }
}

const operatorAdvice = new Map([
  ['&', 'There are no bitwise operators. Did you mean the logical "&&"?'],
  ['|', 'There are no bitwise operators. Did you mean the logical "||"?'],
  [
    '~',
    'There are no bitwise operators. Did you mean the logical "!"? To strip spaces in a template, "~" stands directly next to the brace.',
  ],
  ['^', 'There are no bitwise operators, and "^" is not a power either: use the function pow.'],
]);

const characterAdvice = new Map([
  ["'", 'Strings are enclosed in double quotes ("), not in single ones.'],
  [
    '`',
    'Strings are enclosed in double quotes ("). For a text of several lines use a heredoc: <<EOT, the lines, and EOT on a line of its own.',
  ],
  [';', 'Arguments and blocks are separated by newlines, and the items of a collection by commas.'],
  ['\r', 'A carriage return may only stand before a newline.'],
  [
    '\u00a0',
    'This is a no-break space (U+00A0), which often comes along with pasted text. Write an ordinary space.',
  ],
  [
    '\u201c',
    'This is a typographic quote, which often comes along with pasted text. Write a straight double quote (").',
  ],
  [
    '\u201d',
    'This is a typographic quote, which often comes along with pasted text. Write a straight double quote (").',
  ],
  [
    '\\',
    'A backslash has a meaning only inside a string. Lines need no mark to continue between parentheses or brackets.',
  ],
  ['@', 'The language has no use for "@" outside of strings and comments.'],
  ['$', 'A variable is written by its plain name. "${" and "}" are needed only inside a string.'],
]);

function describeCharacter(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  return `The language has no use for this character (U+${point.toString(16).toUpperCase().padStart(4, '0')}) outside of strings and comments.`;
}
