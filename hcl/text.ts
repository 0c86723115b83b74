// Text as the language sees it (hashicorp/hcl, spec.md "Primitive Types"): strings in normalization form C,
// compared by code points, counted in the characters that a reader sees.
import { graphemesOf } from './characters.ts';

const ASCII = /^[\x00-\x7f]*$/;
const ASCII_WITHOUT_RETURNS = /^[\x00-\x0c\x0e-\x7f]*$/;

/** In normalization form C; a lone surrogate, which UTF-8 cannot express, becomes U+FFFD. */
export function wellFormed(text: string): string {
  return ASCII.test(text) ? text : text.toWellFormed().normalize('NFC');
}

/** Lexical order by code points: below zero, zero or above zero. UTF-16 order differs above U+D800. */
export function compareText(left: string, right: string): number {
  if (left === right) return 0;
  const shared = Math.min(left.length, right.length);
  for (let at = 0; at < shared; at += 1) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a !== b) return codePointRank(a) - codePointRank(b);
  }
  return left.length - right.length;
}

/** Surrogates stand for code points above U+FFFF, so they rank above the rest of the basic plane. */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** The characters that a reader sees: extended grapheme clusters (UAX #29). */
export function graphemes(text: string): string[] {
  return ASCII_WITHOUT_RETURNS.test(text) ? text.split('') : [...graphemesOf(text)];
}

/** How many characters a reader sees. */
export function graphemeCount(text: string): number {
  return ASCII_WITHOUT_RETURNS.test(text) ? text.length : graphemes(text).length;
}
