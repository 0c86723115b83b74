// The conditional operator (hashicorp/hcl, hclsyntax/spec.md "Conditional Operator"): both results are of one type,
// and of the one that is not selected nothing is reported.
import type { ConditionalExpression, Expression } from './ast.ts';
import { convert } from './convert.ts';
import { describeKind } from './describe.ts';
import type { Scope } from './evaluate-scope.ts';
import type { Evaluation } from './evaluate-state.ts';
import { attempt, charge, report } from './evaluate-state.ts';
import { unify, unifyAsCollection } from './unify.ts';
import type { BoolValue, Value } from './values.ts';
import { BOOL, isMapping, isSequence, sizeOf, typeOf, withMarks } from './values.ts';

export function evaluateConditional(
  evaluation: Evaluation,
  expression: ConditionalExpression,
  scope: Scope,
): Value | undefined {
  const condition = evaluateCondition(evaluation, expression.condition, scope);
  const then = attempt(evaluation, expression.then, scope);
  const otherwise = attempt(evaluation, expression.otherwise, scope);
  if (!condition) return undefined;
  const [taken, other] = condition.value ? [then, otherwise] : [otherwise, then];
  evaluation.diagnostics.push(...taken.diagnostics);
  if (!taken.value) return undefined;
  const value = other.value ? alike(evaluation, taken.value, other.value) : taken.value;
  if (value) return withMarks(value, condition.marks);
  const detail =
    'Both results of a conditional must be of one type, or convertible to one. ' +
    `When the condition is true this one is ${describeKind(then.value ?? taken.value)}, ` +
    `else it is ${describeKind(otherwise.value ?? taken.value)}. Convert one of them, for instance by tostring().`;
  return report(evaluation, { summary: 'Inconsistent results of a conditional', detail, span: expression });
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
function alike(evaluation: Evaluation, value: Value, other: Value): Value | undefined {
  if (value.kind === 'null' || other.kind === 'null') return value;
  const simple = !isSequence(value) && !isMapping(value);
  if (simple && value.kind === other.kind) return value;
  charge(evaluation, sizeOf(value) + sizeOf(other));
  const types = [typeOf(value), typeOf(other)];
  for (const type of [unify(types), unifyAsCollection(types)]) {
    const converted = type && convert(value, type);
    if (converted && 'value' in converted) return converted.value;
  }
  return undefined;
}
