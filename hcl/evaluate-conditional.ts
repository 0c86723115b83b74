// The conditional operator (hashicorp/hcl, hclsyntax/spec.md "Conditional Operator"): both results are of one type,
// and of the one that is not selected nothing is reported or read.
import type { ConditionalExpression, Expression } from './ast.ts';
import { convert } from './convert.ts';
import { describeType, quoteName } from './describe.ts';
import type { Scope } from './evaluate-scope.ts';
import type { Evaluation } from './evaluate-state.ts';
import { attempt, charge, report } from './evaluate-state.ts';
import { readsIn, staticTypeOf } from './static-type.ts';
import { unify, unifyAsCollection } from './unify.ts';
import type { BoolValue, Marks, Type, Value } from './values.ts';
import { ANY, BOOL, isMapping, isSequence, marksOf, SENSITIVE, sizeOf, typeOf, withMarks } from './values.ts';

/** What is known of the result that is not selected: it gives the other one its type, and nothing else. */
interface Unselected {
  readonly type: Type;
  readonly size: number;
  readonly marks: Marks;
}

export function evaluateConditional(
  evaluation: Evaluation,
  expression: ConditionalExpression,
  scope: Scope,
): Value | undefined {
  // Which result is selected decides what may be read at all, so nothing of either is looked at before.
  const condition = evaluateCondition(evaluation, expression.condition, scope);
  if (!condition) return undefined;
  const { then, otherwise } = expression;
  const [selected, other] = condition.value ? [then, otherwise] : [otherwise, then];
  const taken = attempt(evaluation, selected, scope);
  evaluation.diagnostics.push(...taken.diagnostics);
  const unselected = lookAside(evaluation, other, scope);
  if (!taken.value) return undefined;
  const value = unselected ? alike(evaluation, taken.value, unselected) : taken.value;
  if (value) return withMarks(value, condition.marks);
  const detail = unselected ? inconsistency(taken.value, unselected) : '';
  return report(evaluation, { summary: 'Inconsistent results of a conditional', detail, span: expression });
}

/** Undefined where its type cannot be told: it has errors, or depends on what would have to be read. */
function lookAside(evaluation: Evaluation, other: Expression, scope: Scope): Unselected | undefined {
  if (readsIn(other, scope)) {
    const type = staticTypeOf(evaluation, other, scope);
    return type && { type, size: 1, marks: SENSITIVE };
  }
  const { value } = attempt(evaluation, other, scope);
  return value && { type: typeOf(value), size: sizeOf(value), marks: marksOf(value) };
}

function inconsistency(value: Value, other: Unselected): string {
  const isSecret = ((marksOf(value) | other.marks) & SENSITIVE) !== 0;
  const { place, types } = difference(typeOf(value), other.type);
  const kinds = `${describeType(types[0])} and ${describeType(types[1])}`;
  const what = isSecret ? '' : `, and ${place === '' ? 'they are' : `their ${place} are`} ${kinds}`;
  return `Both results of a conditional must be of one type, or convertible to one${what}. Give both the same form.`;
}

/** The innermost parts of two types that have no type in common, and where they are. */
function difference(left: Type, right: Type, place = ''): { place: string; types: readonly [Type, Type] } {
  const inside = place === '' ? '' : ` of ${place}`;
  for (const [name, type, other] of partsOf(left, right)) {
    if (unify([type, other]) === undefined) return difference(type, other, `${name}${inside}`);
  }
  return { place, types: [left, right] };
}

function partsOf(left: Type, right: Type): readonly (readonly [string, Type, Type])[] {
  if (left.kind === 'object' && right.kind === 'object') {
    return Array.from(left.attributes, ([name, type]) => [
      `attributes ${quoteName(name)}`,
      type,
      right.attributes.get(name) ?? ANY,
    ]);
  }
  if (left.kind === 'tuple' && right.kind === 'tuple' && left.elements.length === right.elements.length) {
    return left.elements.map((type, at) => [`elements ${at}`, type, right.elements[at] ?? ANY]);
  }
  return 'element' in left && 'element' in right ? [['elements', left.element, right.element]] : [];
}

/** The condition of a conditional, a filter or a template's `if`: a bool, or convertible to one, and not null. */
export function evaluateCondition(
  evaluation: Evaluation,
  expression: Expression,
  scope: Scope,
): BoolValue | undefined {
  const value = evaluation.evaluate(expression, scope);
  if (!value) return undefined;
  const converted = convert(value, BOOL);
  if ('value' in converted && converted.value.kind === 'bool') return converted.value;
  const problem = 'problem' in converted ? converted.problem : 'it must be true or false, and it is null';
  const detail = `This decides between two ways, so ${problem}.`;
  return report(evaluation, { summary: 'Invalid condition', detail, span: expression });
}

/**
 * The value in the type that it has in common with the other one. Where unification prefers a tuple or an object that
 * cannot hold this very value, the collection type does.
 */
function alike(evaluation: Evaluation, value: Value, other: Unselected): Value | undefined {
  // The type of null is any.
  if (value.kind === 'null' || other.type.kind === 'any') return value;
  const simple = !isSequence(value) && !isMapping(value);
  if (simple && value.kind === other.type.kind) return value;
  charge(evaluation, sizeOf(value) + other.size);
  const types = [typeOf(value), other.type];
  for (const type of [unify(types), unifyAsCollection(types)]) {
    const converted = type && convert(value, type);
    if (converted && 'value' in converted) return converted.value;
  }
  return undefined;
}
