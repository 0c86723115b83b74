// The escapes of quoted templates and the doubled signs of all templates (hclsyntax/spec.md, "Template Expressions" and
// "Template Literals").
import { complaints } from './complaints.ts';
import { report } from './cursor.ts';
import type { Cursor } from './cursor.ts';

const simpleEscapes = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['"', '"'],
  ['\\', '\\'],
]);

/** `$${` stands for `${` and `%%{` for `%{`: of two or more signs before a brace one is left out. */
export function unescapeSigns(text: string): string {
  let value = '';
  let from = 0;
  for (let brace = text.indexOf('{'); brace !== -1; brace = text.indexOf('{', brace + 1)) {
    const sign = text[brace - 1];
    if ((sign !== '$' && sign !== '%') || text[brace - 2] !== sign) continue;
    value += text.slice(from, brace - 1);
    from = brace;
  }
  return from === 0 ? text : value + text.slice(from);
}

/** What a literal of a quoted template stands for. An escape that does not exist is reported and left out. */
export function unescapeQuoted(c: Cursor, text: string, start: number): string {
  let backslash = text.indexOf('\\');
  if (backslash === -1) return unescapeSigns(text);
  let value = '';
  let from = 0;
  while (backslash !== -1) {
    value += unescapeSigns(text.slice(from, backslash));
    from = backslash + escapeLength(text, backslash);
    value += unescapeOne(c, text.slice(backslash, from), start + backslash);
    backslash = text.indexOf('\\', from);
  }
  return value + unescapeSigns(text.slice(from));
}

/** `\u` takes four hexadecimal digits and `\U` eight, or as many as there are. */
function escapeLength(text: string, backslash: number): number {
  const selector = text.codePointAt(backslash + 1);
  if (selector === undefined) return 1;
  if (selector !== 0x75 && selector !== 0x55) return selector > 0xffff ? 3 : 2;
  const longest = backslash + 2 + (selector === 0x75 ? 4 : 8);
  let end = backslash + 2;
  while (end < longest && isHexadecimal(text.charCodeAt(end))) end++;
  return end - backslash;
}

function isHexadecimal(code: number): boolean {
  const lower = code | 0x20;
  return (code >= 0x30 && code <= 0x39) || (lower >= 0x61 && lower <= 0x66);
}

function unescapeOne(c: Cursor, escape: string, start: number): string {
  const selector = escape.slice(1);
  const simple = simpleEscapes.get(selector);
  if (simple !== undefined) return simple;
  const span = { start, end: start + escape.length };
  const wanted = selector[0] === 'u' ? 4 : selector[0] === 'U' ? 8 : null;
  if (wanted === null) report(c, complaints.unknownEscape(escape), { span });
  else if (selector.length !== wanted + 1)
    report(c, complaints.shortUnicodeEscape(selector.slice(0, 1), wanted), { span });
  else {
    const point = Number.parseInt(selector.slice(1), 16);
    if (point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff)) return String.fromCodePoint(point);
    report(c, complaints.noSuchCharacter(selector.slice(1)), { span });
  }
  return '';
}
