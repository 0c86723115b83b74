// The names that a for expression and a for directive declare (hclsyntax/spec.md, "For Expressions": `forIntro`).
import { complaints } from './complaints.ts';
import { fail, peek, take, takeIf, takeName, textOf } from './cursor.ts';
import type { Cursor } from './cursor.ts';
import { Token } from './tokens.ts';

/** `Identifier ("," Identifier)? "in"`: one name is the value's; of two, the first is the key's. */
export function parseLoopNames(c: Cursor): { readonly key: string | null; readonly value: string } {
  if (peek(c) !== Token.identifier) fail(c, complaints.missingLoopName);
  const first = takeName(c);
  let second: string | null = null;
  if (takeIf(c, Token.comma)) {
    if (peek(c) !== Token.identifier) fail(c, complaints.missingLoopValueName);
    second = takeName(c);
  }
  if (atWord(c, 'in')) take(c);
  else fail(c, complaints.missingIn);
  return second === null ? { key: null, value: first } : { key: first, value: second };
}

/** Whether the next token is this word. Words are reserved only where the grammar asks for them. */
export function atWord(c: Cursor, word: string): boolean {
  return peek(c) === Token.identifier && textOf(c) === word;
}
