// Evaluates expressions (hashicorp/hcl, hclsyntax/spec.md "Expressions"; spec.md "Expression Evaluation").
// Total: every input gives a value or diagnostics, in bounded time and memory, and nothing but values is reachable.
import type {
  Expression,
  LiteralExpression,
  ObjectExpression,
  TupleExpression,
  VariableExpression,
} from './ast.ts';
import { parseDecimal } from './decimal.ts';
import { nearName, quoteName } from './describe.ts';
import type { Diagnostic } from './diagnostic.ts';
import { evaluateAttribute, evaluateIndex } from './evaluate-access.ts';
import { evaluateCall } from './evaluate-call.ts';
import { evaluateConditional } from './evaluate-conditional.ts';
import { evaluateFor, evaluateName } from './evaluate-for.ts';
import { evaluateBinary, evaluateUnary } from './evaluate-operators.ts';
import type { Scope } from './evaluate-scope.ts';
import { findVariable, newBudget, variableNames } from './evaluate-scope.ts';
import { evaluateSplat } from './evaluate-splat.ts';
import type { Evaluation } from './evaluate-state.ts';
import { charge, checkSize, LimitReached, report } from './evaluate-state.ts';
import { evaluateTemplate } from './evaluate-template.ts';
import { evaluationDepthMax, numberDigitsMax } from './limits.ts';
import type { Value } from './values.ts';
import { boolValue, NULL, numberValue, objectValue, tupleValue } from './values.ts';

export interface Evaluated {
  /** Null when there are errors. */
  readonly value: Value;
  /** Every error that was found; empty when the value counts. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * The value of an expression in a scope, or what is wrong with it. Never throws. An expression that the parser could
 * not read has a diagnostic of the parser already and gives null without another one.
 */
export function evaluate(expression: Expression, scope: Scope): Evaluated {
  const evaluation: Evaluation = {
    source: scope.source,
    budget: scope.budget ?? newBudget(),
    diagnostics: [],
    depth: 0,
    at: expression,
    seen: 0,
    evaluate: (inner, innerScope) => evaluateInside(evaluation, inner, innerScope),
  };
  const found = evaluation.diagnostics;
  try {
    const value = evaluation.evaluate(expression, scope);
    return { value: value && found.length === 0 ? value : NULL, diagnostics: found };
  } catch (error) {
    const detail = limitDetail(error);
    if (detail === undefined) throw error;
    evaluation.diagnostics = found;
    report(evaluation, { summary: 'Evaluation limit reached', detail, span: evaluation.at });
    return { value: NULL, diagnostics: found };
  }
}

/** What limit an error is about: one of the language's own, or the stack and the memory that the engine has. */
function limitDetail(error: unknown): string | undefined {
  if (error instanceof LimitReached) return error.detail;
  return error instanceof RangeError ? 'The evaluation needs more memory than there is for it.' : undefined;
}

function evaluateInside(evaluation: Evaluation, expression: Expression, scope: Scope): Value | undefined {
  evaluation.at = expression;
  charge(evaluation, 1);
  if (evaluation.depth >= evaluationDepthMax) {
    throw new LimitReached(`Expressions may be nested no more than ${evaluationDepthMax} levels deep.`);
  }
  evaluation.depth += 1;
  const value = evaluateNode(evaluation, expression, scope);
  evaluation.depth -= 1;
  if (value) evaluation.seen |= value.marks;
  return value;
}

function evaluateNode(evaluation: Evaluation, expression: Expression, scope: Scope): Value | undefined {
  switch (expression.node) {
    case 'literal':
      return evaluateLiteral(evaluation, expression);
    case 'template':
      return evaluateTemplate(evaluation, expression, scope);
    case 'variable':
      return evaluateVariable(evaluation, expression, scope);
    case 'attribute-access':
      return evaluateAttribute(evaluation, expression, scope);
    case 'index':
      return evaluateIndex(evaluation, expression, scope);
    case 'splat':
      return evaluateSplat(evaluation, expression, scope);
    case 'call':
      return evaluateCall(evaluation, expression, scope);
    case 'tuple':
      return evaluateTuple(evaluation, expression, scope);
    case 'object':
      return evaluateObject(evaluation, expression, scope);
    case 'for':
      return evaluateFor(evaluation, expression, scope);
    case 'conditional':
      return evaluateConditional(evaluation, expression, scope);
    case 'unary':
      return evaluateUnary(evaluation, expression, scope);
    case 'binary':
      return evaluateBinary(evaluation, expression, scope);
    case 'parentheses':
      return evaluation.evaluate(expression.inner, scope);
    case 'invalid':
      return undefined;
  }
}

/** "Literal Values". */
function evaluateLiteral(evaluation: Evaluation, expression: LiteralExpression): Value | undefined {
  const { literal } = expression;
  if (literal.kind === 'null') return NULL;
  if (literal.kind === 'bool') return boolValue(literal.value);
  const value = parseDecimal(literal.digits);
  if (value) return numberValue(value);
  const detail = `Numbers may take no more than ${numberDigitsMax} digits when written in full.`;
  return report(evaluation, { summary: 'Number out of range', detail, span: expression });
}

/** "Variables and Variable Expressions". */
function evaluateVariable(
  evaluation: Evaluation,
  expression: VariableExpression,
  scope: Scope,
): Value | undefined {
  const value = findVariable(scope, expression.name);
  if (value) return value;
  const names = variableNames(scope);
  const near = nearName(expression.name, names);
  const quoting = `To write a text, put it in quotes: "${expression.name}".`;
  const hint = names.length === 0 ? 'Variables may not be used here.' : (near ?? quoting);
  const detail = `There is no variable named ${quoteName(expression.name)}. ${hint}`;
  return report(evaluation, { summary: 'Unknown variable', detail, span: expression });
}

/** "Collection Values": a tuple. */
function evaluateTuple(evaluation: Evaluation, { items }: TupleExpression, scope: Scope): Value | undefined {
  const values: Value[] = [];
  for (const item of items) {
    const value = evaluation.evaluate(item, scope);
    if (value) values.push(value);
  }
  return values.length === items.length ? checkSize(tupleValue(values)) : undefined;
}

/** "Collection Values": an object. A key's marks are the object's, because they show in its attribute names. */
function evaluateObject(
  evaluation: Evaluation,
  { items }: ObjectExpression,
  scope: Scope,
): Value | undefined {
  const entries: [string, Value][] = [];
  let marks = 0;
  for (const item of items) {
    const key =
      item.bareKey === null ? evaluateName(evaluation, item.key, scope) : { value: item.bareKey, marks: 0 };
    const value = evaluation.evaluate(item.value, scope);
    if (!key || !value) continue;
    entries.push([key.value, value]);
    marks |= key.marks;
  }
  return entries.length === items.length ? checkSize(objectValue(entries, marks)) : undefined;
}
