// The way from a text to its syntax tree (hclsyntax/spec.md). Whatever the text, there is a tree, and diagnostics say
// where it is not HCL: nothing here throws, and the time is proportional to the length of the text.
import type { Body, Expression, Source, TemplateExpression } from './ast.ts';
import { complaints } from './complaints.ts';
import { expect, fail, peek, report, setNewlines } from './cursor.ts';
import type { Cursor } from './cursor.ts';
import type { Diagnostic } from './diagnostic.ts';
import { parseBody } from './parse-body.ts';
import { parseExpression as parseExpressionRule } from './parse-expression.ts';
import { parseBare } from './parse-template.ts';
import { scan } from './scan.ts';
import { Token } from './tokens.ts';

/** `ConfigFile = Body`. The name stands in diagnostics; nothing is read from disk. */
export function parseFile(
  name: string,
  text: string,
): { readonly source: Source; readonly body: Body; readonly diagnostics: readonly Diagnostic[] } {
  const c = begin(name, text, 'expression');
  const body = parseBody(c);
  return { source: c.source, body: { ...body, start: 0, end: text.length }, diagnostics: finish(c) };
}

/** An expression that stands alone, as on a command line. Newlines around it and inside of it are white space. */
export function parseExpression(
  name: string,
  text: string,
): { readonly source: Source; readonly expression: Expression; readonly diagnostics: readonly Diagnostic[] } {
  const c = begin(name, text, 'expression');
  setNewlines(c, false);
  const expression = parseExpressionRule(c);
  expect(c, Token.end, complaints.extraExpressionText);
  return { source: c.source, expression, diagnostics: finish(c) };
}

/** A template that makes up a whole text: `${…}` and `%{…}` are sequences, all else is literal, without escapes. */
export function parseTemplate(
  name: string,
  text: string,
): {
  readonly source: Source;
  readonly expression: TemplateExpression;
  readonly diagnostics: readonly Diagnostic[];
} {
  const c = begin(name, text, 'bare');
  const expression = parseBare(c);
  if (peek(c) !== Token.end) fail(c, complaints.unclosedSequence);
  return { source: c.source, expression, diagnostics: finish(c) };
}

function begin(name: string, text: string, mode: 'expression' | 'bare'): Cursor {
  const c: Cursor = {
    source: { name, text },
    tokens: scan(text, { mode, keepComments: false }),
    at: 0,
    lastEnd: 0,
    newlines: true,
    failedAt: null,
    depth: 0,
    height: 0,
    diagnostics: [],
    expression: parseExpressionRule,
  };
  if (!text.isWellFormed()) {
    const start = loneSurrogateAt(text);
    report(c, complaints.invalidEncoding, { span: { start, end: start + 1 } });
  }
  return c;
}

/** What is wrong, from the top of the text to its bottom. */
function finish(c: Cursor): readonly Diagnostic[] {
  return c.diagnostics.sort((left, right) => left.span.start - right.span.start);
}

/** Half of a pair of surrogates is no character; UTF-8 cannot carry it. */
function loneSurrogateAt(text: string): number {
  for (let at = 0; at < text.length; at++) {
    const point = text.codePointAt(at) ?? 0;
    if (point >= 0xd800 && point <= 0xdfff) return at;
    if (point > 0xffff) at++;
  }
  return 0;
}
