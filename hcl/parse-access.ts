// What may follow a term (hclsyntax/spec.md, "Index Operator", "Attribute Access Operator", "Splat Operators").
import type { Expression, SplatExpression } from './ast.ts';
import { complaints } from './complaints.ts';
import { expect, fail, grow, peek, setNewlines, startOf, take, takeIf, takeName, textOf } from './cursor.ts';
import type { Cursor } from './cursor.ts';
import { Token } from './tokens.ts';

type Step = SplatExpression['each'][number];

/** A splat still being read, with the steps that go to each of its elements. */
interface OpenSplat {
  readonly source: Expression;
  readonly form: SplatExpression['form'];
  readonly each: Step[];
}

/** Reads the accesses behind a term and gives the expression that they make of it. */
export function parseAccess(c: Cursor, term: Expression): Expression {
  let object = term;
  let splat: OpenSplat | null = null;
  /** In an attribute-only splat a star may not follow, and a bracket ends it. */
  let attributesOnly = false;
  for (let kind = peek(c); kind === Token.dot || kind === Token.openBracket; kind = peek(c)) {
    if (kind === Token.openBracket && splat?.form === 'attribute') {
      object = closeSplat(splat, c.lastEnd);
      splat = null;
    }
    if (kind === Token.openBracket) attributesOnly = false;
    const height = c.height;
    const step: Step | null = kind === Token.dot ? parseDotStep(c, attributesOnly) : parseBracketStep(c);
    if (step === null) break;
    grow(c, Math.max(height, c.height));
    if (step.step === 'splat') attributesOnly = step.form === 'attribute';
    if (splat !== null) splat.each.push(step);
    else if (step.step === 'splat') splat = { source: object, form: step.form, each: [] };
    else object = applyStep(object, step);
  }
  return splat === null ? object : closeSplat(splat, c.lastEnd);
}

function closeSplat(splat: OpenSplat, end: number): Expression {
  return { node: 'splat', ...splat, start: splat.source.start, end };
}

function applyStep(object: Expression, step: Exclude<Step, { step: 'splat' }>): Expression {
  const { start } = object;
  const { end } = step;
  if (step.step === 'index') return { node: 'index', object, key: step.key, legacy: step.legacy, start, end };
  return { node: 'attribute-access', object, name: step.name, nameSpan: step.nameSpan, start, end };
}

/** `GetAttr = "." Identifier`, the legacy index `"." digit+`, or the star of an attribute-only splat. */
function parseDotStep(c: Cursor, attributesOnly: boolean): Step | null {
  const start = startOf(c);
  take(c);
  const kind = peek(c);
  const at = startOf(c);
  if (kind === Token.identifier) {
    const name = takeName(c);
    return { step: 'attribute', name, nameSpan: { start: at, end: c.lastEnd }, start, end: c.lastEnd };
  }
  if (kind === Token.number) {
    const digits = textOf(c);
    if (digits.includes('.')) fail(c, complaints.chainedLegacyIndex);
    take(c);
    const key = { node: 'literal', literal: { kind: 'number', digits }, start: at, end: c.lastEnd } as const;
    return { step: 'index', key, legacy: true, start, end: c.lastEnd };
  }
  if (kind === Token.star && !attributesOnly) {
    take(c);
    return { step: 'splat', form: 'attribute', start, end: c.lastEnd };
  }
  fail(c, kind === Token.star ? complaints.nestedSplat : complaints.missingAttributeName);
  return null;
}

/** The star of a full splat, directly between its brackets, or `Index = "[" Expression "]"`. */
function parseBracketStep(c: Cursor): Step {
  const start = startOf(c);
  take(c);
  if (takeIf(c, Token.star)) {
    expect(c, Token.closeBracket, complaints.missingSplatBracket);
    return { step: 'splat', form: 'full', start, end: c.lastEnd };
  }
  const outer = setNewlines(c, false);
  const key = c.expression(c);
  expect(c, Token.closeBracket, complaints.missingIndexBracket, start);
  c.newlines = outer;
  return { step: 'index', key, legacy: false, start, end: c.lastEnd };
}
