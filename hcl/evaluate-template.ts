// Templates (hashicorp/hcl, hclsyntax/spec.md "Templates"): literal text, interpolations and the `if` and `for`
// directives become one string; a template of a single interpolation is that interpolation's own value.
import type { TemplateExpression, TemplatePart } from './ast.ts';
import { convert } from './convert.ts';
import { describeKind } from './describe.ts';
import { evaluateCondition } from './evaluate-conditional.ts';
import { iterate } from './evaluate-for.ts';
import type { Scope } from './evaluate-scope.ts';
import type { Evaluation } from './evaluate-state.ts';
import { chargeText, report } from './evaluate-state.ts';
import type { Marks, Value } from './values.ts';
import { STRING, stringValue } from './values.ts';

/** The text so far, and the marks of everything that decided about it. */
interface Text {
  readonly pieces: string[];
  marks: Marks;
}

type Part<K extends TemplatePart['part']> = Extract<TemplatePart, { part: K }>;

export function evaluateTemplate(
  evaluation: Evaluation,
  expression: TemplateExpression,
  scope: Scope,
): Value | undefined {
  const [first] = expression.parts;
  if (first?.part === 'interpolation' && expression.parts.length === 1) {
    return evaluation.evaluate(first.expression, scope);
  }
  const text: Text = { pieces: [], marks: 0 };
  if (!addParts(evaluation, { parts: expression.parts, scope }, text)) return undefined;
  return stringValue(text.pieces.join(''), text.marks);
}

/** Adds every part, so that all errors of a template are found together; false when there was one. */
function addParts(
  evaluation: Evaluation,
  { parts, scope }: { parts: readonly TemplatePart[]; scope: Scope },
  text: Text,
): boolean {
  let complete = true;
  for (const part of parts) complete = addPart(evaluation, { part, scope }, text) && complete;
  return complete;
}

function addPart(
  evaluation: Evaluation,
  { part, scope }: { part: TemplatePart; scope: Scope },
  text: Text,
): boolean {
  switch (part.part) {
    case 'text':
      return addText(evaluation, part.value, text);
    case 'interpolation':
      return addInterpolation(evaluation, { part, scope }, text);
    case 'if':
      return addIf(evaluation, { part, scope }, text);
    case 'for':
      return addFor(evaluation, { part, scope }, text);
  }
}

function addText(evaluation: Evaluation, piece: string, text: Text): boolean {
  chargeText(evaluation, piece.length);
  text.pieces.push(piece);
  return true;
}

/** "Template Interpolations". */
function addInterpolation(
  evaluation: Evaluation,
  { part, scope }: { part: Part<'interpolation'>; scope: Scope },
  text: Text,
): boolean {
  const value = evaluation.evaluate(part.expression, scope);
  if (!value) return false;
  const converted = convert(value, STRING);
  if ('value' in converted && converted.value.kind === 'string') {
    text.marks |= value.marks;
    return addText(evaluation, converted.value.value, text);
  }
  const detail =
    value.kind === 'null'
      ? 'The value is null, which has no text. Give a default, for instance by coalesce().'
      : `Only a string, number or bool becomes text, and this is ${describeKind(value)}. ` +
        'Write it out, for instance by join() or jsonencode().';
  report(evaluation, { summary: 'Invalid value in a template', detail, span: part.expression });
  return false;
}

/** "Template If Directive": of the way that is not taken nothing is evaluated, for both are text in any case. */
function addIf(
  evaluation: Evaluation,
  { part, scope }: { part: Part<'if'>; scope: Scope },
  text: Text,
): boolean {
  const condition = evaluateCondition(evaluation, part.condition, scope);
  if (!condition) return false;
  text.marks |= condition.marks;
  const parts = condition.value ? part.then : (part.otherwise ?? []);
  return addParts(evaluation, { parts, scope }, text);
}

/** "Template For Directive". */
function addFor(
  evaluation: Evaluation,
  { part, scope }: { part: Part<'for'>; scope: Scope },
  text: Text,
): boolean {
  const loop = { keyName: part.key, valueName: part.value, collection: part.collection };
  const marks = iterate(evaluation, { loop, scope }, (inner) =>
    addParts(evaluation, { parts: part.body, scope: inner }, text),
  );
  text.marks |= marks ?? 0;
  return marks !== undefined;
}
