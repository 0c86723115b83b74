// The scanner (hclsyntax/spec.md, "Lexical Elements" and "Template Expressions"). What a character means depends on
// where it stands, so the scanner keeps a stack of modes: expression, quoted template, heredoc, bare template.
import { isDigit, isSpace, nameLength } from './characters.ts';
import { Token } from './tokens.ts';
import type { TokenKind, Tokens } from './tokens.ts';

/** Where the scanner is. An `expression` inside a template ends at the brace that none of its own opened. */
type Mode =
  | { readonly in: 'expression'; readonly openedAt: number; braces: number }
  | { readonly in: 'quoted'; readonly openedAt: number }
  | { readonly in: 'heredoc'; readonly openedAt: number; readonly marker: string }
  | { readonly in: 'bare'; readonly openedAt: number };

interface Scanner {
  readonly text: string;
  at: number;
  readonly modes: Mode[];
  readonly kinds: TokenKind[];
  readonly starts: number[];
  readonly ends: number[];
  readonly keepComments: boolean;
}

export interface ScanOptions {
  /** `expression` for files and expressions, `bare` for a template that no delimiters enclose. */
  readonly mode: 'expression' | 'bare';
  /** A formatter keeps comments; for a parser a line comment is a newline and an inline comment is nothing. */
  readonly keepComments: boolean;
}

/** Splits a text into tokens, in one pass. Every text has tokens: what does not belong becomes an error token. */
export function scan(text: string, options: ScanOptions): Tokens {
  const s: Scanner = {
    text,
    at: text.charCodeAt(0) === BYTE_ORDER_MARK ? 1 : 0,
    modes: [
      options.mode === 'bare' ? { in: 'bare', openedAt: 0 } : { in: 'expression', openedAt: 0, braces: 0 },
    ],
    kinds: [],
    starts: [],
    ends: [],
    keepComments: options.keepComments,
  };
  for (;;) {
    const mode = s.modes.at(-1);
    if (mode === undefined || (s.at >= text.length && mode.in !== 'heredoc')) break;
    switch (mode.in) {
      case 'expression':
        scanExpression(s, mode);
        break;
      case 'quoted':
        scanQuoted(s);
        break;
      case 'heredoc':
        scanHeredoc(s, mode.marker);
        break;
      case 'bare':
        scanBare(s);
        break;
    }
  }
  add(s, Token.end, text.length);
  return s;
}

const BYTE_ORDER_MARK = 0xfeff;

/** Adds the token that reaches from the scanner's place to `end`, and goes there. */
function add(s: Scanner, kind: TokenKind, end: number): void {
  s.kinds.push(kind);
  s.starts.push(s.at);
  s.ends.push(end);
  s.at = end;
}

/** Scans until a delimiter changes the mode. */
function scanExpression(s: Scanner, mode: Mode & { in: 'expression' }): void {
  const { text } = s;
  const depth = s.modes.length;
  while (s.at < text.length && s.modes.length === depth) {
    const at = s.at;
    const code = text.charCodeAt(at);
    if (code === 0x20 || code === 0x09) {
      s.at++;
      continue;
    }
    const name = nameLength(text, at);
    if (name > 0) add(s, Token.identifier, at + name);
    else if (isDigit(code)) add(s, Token.number, numberEnd(text, at));
    else scanPunctuation(s, mode, code);
  }
}

function scanPunctuation(s: Scanner, mode: Mode & { in: 'expression' }, code: number): void {
  const { text, at } = s;
  const next = text.charCodeAt(at + 1);
  switch (code) {
    case 0x0a:
      return add(s, Token.newline, at + 1);
    case 0x0d:
      return next === 0x0a ? add(s, Token.newline, at + 2) : add(s, Token.invalidCharacter, at + 1);
    case 0x22: // "
      s.modes.push({ in: 'quoted', openedAt: at });
      return add(s, Token.openQuote, at + 1);
    case 0x7b: // {
      mode.braces++;
      return add(s, Token.openBrace, at + 1);
    case 0x7d: // }
      return closeBrace(s, mode, at + 1);
    case 0x7e: // ~
      if (next === 0x7d && mode.braces === 0 && s.modes.length > 1) return closeBrace(s, mode, at + 2);
      return add(s, Token.invalidOperator, at + 1);
    case 0x23: // #
      return scanLineComment(s);
    case 0x2f: // /
      if (next === 0x2f) return scanLineComment(s);
      if (next === 0x2a) return scanInlineComment(s);
      return add(s, Token.slash, at + 1);
    case 0x3c: // <
      if (next === 0x3c && openHeredoc(s)) return;
      break;
  }
  const kind = operatorAt(code, next, text.charCodeAt(at + 2));
  add(s, kind, at + (kind === Token.invalidCharacter ? characterLength(text, at) : operatorLength(kind)));
}

function operatorAt(code: number, next: number, afterNext: number): TokenKind {
  switch (code) {
    case 0x5b: // [
      return Token.openBracket;
    case 0x5d: // ]
      return Token.closeBracket;
    case 0x28: // (
      return Token.openParenthesis;
    case 0x29: // )
      return Token.closeParenthesis;
    case 0x2c: // ,
      return Token.comma;
    case 0x2e: // .
      return next === 0x2e && afterNext === 0x2e ? Token.ellipsis : Token.dot;
    case 0x3a: // :
      return next === 0x3a ? Token.doubleColon : Token.colon;
    case 0x3f: // ?
      return Token.question;
    case 0x2b: // +
      return Token.plus;
    case 0x2d: // -
      return Token.minus;
    case 0x2a: // *
      return Token.star;
    case 0x25: // %
      return Token.percent;
    case 0x3d: // =
      return next === 0x3d ? Token.equal : next === 0x3e ? Token.arrow : Token.assign;
    case 0x21: // !
      return next === 0x3d ? Token.notEqual : Token.bang;
    case 0x3c: // <
      return next === 0x3d ? Token.lessOrEqual : Token.less;
    case 0x3e: // >
      return next === 0x3d ? Token.greaterOrEqual : Token.greater;
    case 0x26: // &
      return next === 0x26 ? Token.and : Token.invalidOperator;
    case 0x7c: // |
      return next === 0x7c ? Token.or : Token.invalidOperator;
    case 0x5e: // ^
      return Token.invalidOperator;
    default:
      return Token.invalidCharacter;
  }
}

function operatorLength(kind: TokenKind): number {
  switch (kind) {
    case Token.ellipsis:
      return 3;
    case Token.doubleColon:
    case Token.equal:
    case Token.arrow:
    case Token.notEqual:
    case Token.lessOrEqual:
    case Token.greaterOrEqual:
    case Token.and:
    case Token.or:
      return 2;
    default:
      return 1;
  }
}

function characterLength(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}

/** Takes in `1.2.3`, `1..2` and `1e2e3` whole, which are no numbers, so that the parser can say so. */
function numberEnd(text: string, at: number): number {
  for (let end = digitsEnd(text, at); ;) {
    let digits = end + 1;
    const code = text.charCodeAt(end);
    if (code === 0x2e) while (text.charCodeAt(digits) === 0x2e) digits++;
    else if ((code | 0x20) !== 0x65) return end;
    else if (text.charCodeAt(digits) === 0x2b || text.charCodeAt(digits) === 0x2d) digits++;
    if (!isDigit(text.charCodeAt(digits))) return end;
    end = digitsEnd(text, digits);
  }
}

function digitsEnd(text: string, at: number): number {
  while (isDigit(text.charCodeAt(at))) at++;
  return at;
}

/** The brace either closes one of the expression's own or, in a template, ends the sequence. */
function closeBrace(s: Scanner, mode: Mode & { in: 'expression' }, end: number): void {
  if (mode.braces === 0 && s.modes.length > 1) {
    s.modes.pop();
    return add(s, Token.closeSequence, end);
  }
  if (mode.braces > 0) mode.braces--;
  add(s, Token.closeBrace, end);
}

/** A line comment ends with its newline and counts as one. */
function scanLineComment(s: Scanner): void {
  const newline = s.text.indexOf('\n', s.at);
  const end = newline === -1 ? s.text.length : newline + 1;
  if (s.keepComments) add(s, Token.comment, end);
  else if (newline === -1) s.at = end;
  else add(s, Token.newline, end);
}

function scanInlineComment(s: Scanner): void {
  const close = s.text.indexOf('*/', s.at + 2);
  if (close === -1) add(s, Token.unclosedComment, s.text.length);
  else if (s.keepComments) add(s, Token.comment, close + 2);
  else s.at = close + 2;
}

/** `<<NAME` or `<<-NAME` up to the end of the line; anything else behind `<<` leaves two less-than signs. */
function openHeredoc(s: Scanner): boolean {
  const { text, at } = s;
  const nameAt = text.charCodeAt(at + 2) === 0x2d ? at + 3 : at + 2;
  const nameEnd = nameAt + nameLength(text, nameAt);
  const lineEnd = text.charCodeAt(nameEnd) === 0x0d ? nameEnd + 1 : nameEnd;
  if (nameEnd === nameAt || text.charCodeAt(lineEnd) !== 0x0a) return false;
  s.modes.push({ in: 'heredoc', openedAt: at, marker: text.slice(nameAt, nameEnd) });
  add(s, Token.openHeredoc, lineEnd + 1);
  return true;
}

/** Scans the text of a quoted template up to what ends or interrupts it. */
function scanQuoted(s: Scanner): void {
  const { text } = s;
  let end = s.at;
  for (;;) {
    const code = text.charCodeAt(end);
    if (code === 0x5c && text.charCodeAt(end + 1) !== 0x0a && text.charCodeAt(end + 1) !== 0x0d) end += 2;
    else if (code === 0x24 || code === 0x25) {
      const sequence = sequenceAt(text, end, code);
      if (sequence < 0) break;
      end = sequence;
    } else if (code === 0x22 || code === 0x0a || code === 0x0d || !(code >= 0)) break;
    else end++;
  }
  end = Math.min(end, text.length);
  if (end > s.at) add(s, Token.text, end);
  if (end === text.length) return;
  const code = text.charCodeAt(end);
  if (code === 0x24 || code === 0x25) return openSequence(s, code);
  if (code === 0x22) {
    s.modes.pop();
    return add(s, Token.closeQuote, end + 1);
  }
  add(s, Token.unclosedQuote, end);
  leaveLine(s);
}

/**
 * What stands at a `$` or `%`: negative when it opens a sequence, otherwise where the literal run ends. Two or more
 * before a brace are an escape, of which the last one and the brace are left to the text.
 */
function sequenceAt(text: string, at: number, sign: number): number {
  let end = at + 1;
  while (text.charCodeAt(end) === sign) end++;
  if (text.charCodeAt(end) !== 0x7b) return end;
  return end - at > 1 ? end + 1 : -1;
}

function openSequence(s: Scanner, sign: number): void {
  const { at } = s;
  s.modes.push({ in: 'expression', openedAt: at, braces: 0 });
  const end = s.text.charCodeAt(at + 2) === 0x7e ? at + 3 : at + 2;
  add(s, sign === 0x24 ? Token.openInterpolation : Token.openDirective, end);
}

/** A quote left open at the end of a line most likely takes with it all that was opened on that line. */
function leaveLine(s: Scanner): void {
  const lineStart = s.at === 0 ? 0 : s.text.lastIndexOf('\n', s.at - 1) + 1;
  s.modes.pop();
  while (s.modes.length > 1) {
    const mode = s.modes.at(-1);
    if (mode === undefined || mode.in === 'heredoc' || mode.openedAt < lineStart) return;
    s.modes.pop();
  }
}

/** Scans a heredoc's text up to a sequence, or to the line that holds nothing but its marker. */
function scanHeredoc(s: Scanner, marker: string): void {
  const { text } = s;
  let end = s.at;
  let atLineStart = text.charCodeAt(end - 1) === 0x0a;
  for (;;) {
    if (atLineStart && isMarkerLine(text, end, marker)) {
      if (end > s.at) add(s, Token.text, end);
      s.modes.pop();
      return closeHeredoc(s, marker);
    }
    const code = text.charCodeAt(end);
    atLineStart = code === 0x0a;
    if (code === 0x24 || code === 0x25) {
      const sequence = sequenceAt(text, end, code);
      if (sequence < 0) break;
      end = sequence;
    } else if (!(code >= 0) || (code === 0x0d && text.charCodeAt(end + 1) !== 0x0a)) break;
    else end++;
  }
  if (end > s.at) add(s, Token.text, end);
  const code = text.charCodeAt(end);
  if (code === 0x0d) return add(s, Token.invalidCharacter, end + 1);
  if (end < text.length) return openSequence(s, code);
  s.modes.pop();
  add(s, Token.unclosedHeredoc, end);
}

function isMarkerLine(text: string, lineStart: number, marker: string): boolean {
  const at = skipSpaces(text, lineStart);
  if (!text.startsWith(marker, at)) return false;
  const end = skipSpaces(text, at + marker.length);
  return text.charCodeAt(text.charCodeAt(end) === 0x0d ? end + 1 : end) === 0x0a;
}

/** The marker ends the heredoc; the newline after it belongs to the expression around it. */
function closeHeredoc(s: Scanner, marker: string): void {
  s.at = skipSpaces(s.text, s.at);
  add(s, Token.closeHeredoc, s.at + marker.length);
  s.at = skipSpaces(s.text, s.at);
}

/** Spaces within a line. A carriage return belongs to the newline behind it, or else nowhere. */
function skipSpaces(text: string, at: number): number {
  for (let code = text.charCodeAt(at); code !== 0x0a && code !== 0x0d && isSpace(code);)
    code = text.charCodeAt(++at);
  return at;
}

/** Scans a template that only the end of the text ends. */
function scanBare(s: Scanner): void {
  const { text } = s;
  let end = s.at;
  while (end < text.length) {
    const code = text.charCodeAt(end);
    if (code !== 0x24 && code !== 0x25) end++;
    else {
      const sequence = sequenceAt(text, end, code);
      if (sequence < 0) break;
      end = sequence;
    }
  }
  if (end > s.at) add(s, Token.text, end);
  if (end < text.length) openSequence(s, text.charCodeAt(end));
}
