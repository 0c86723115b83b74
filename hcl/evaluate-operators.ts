// Unary and binary operators (hashicorp/hcl, hclsyntax/spec.md "Operations"): equality of any two values without
// conversion, arithmetic and comparison of numbers, logic of bools.
import type { BinaryExpression, BinaryOperator, Expression, UnaryExpression } from './ast.ts';
import { convert } from './convert.ts';
import type { Decimal } from './decimal.ts';
import { add, compareDecimals, divide, multiply, negate, remainder, subtract } from './decimal.ts';
import type { Scope } from './evaluate-scope.ts';
import type { Evaluation } from './evaluate-state.ts';
import { charge, report } from './evaluate-state.ts';
import { numberDigitsMax } from './limits.ts';
import type { BoolValue, NumberValue, Value } from './values.ts';
import { BOOL, boolValue, equalValues, marksOf, NUMBER, numberValue, sizeOf } from './values.ts';

export function evaluateUnary(
  evaluation: Evaluation,
  expression: UnaryExpression,
  scope: Scope,
): Value | undefined {
  if (expression.operator === '!') {
    const operand = evaluateBool(evaluation, expression.operand, scope);
    return operand && boolValue(!operand.value, operand.marks);
  }
  const operand = evaluateNumber(evaluation, expression.operand, scope);
  return operand && numberValue(negate(operand.value), operand.marks);
}

export function evaluateBinary(
  evaluation: Evaluation,
  expression: BinaryExpression,
  scope: Scope,
): Value | undefined {
  switch (expression.operator) {
    case '&&':
    case '||':
      return evaluateLogic(evaluation, expression, scope);
    case '==':
    case '!=':
      return evaluateEquality(evaluation, expression, scope);
    case '<':
    case '<=':
    case '>':
    case '>=':
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
      return evaluateNumeric(evaluation, expression, scope);
  }
}

/** "Logic Operators". When the left side decides, the right one is left alone, as a branch not taken is. */
function evaluateLogic(
  evaluation: Evaluation,
  expression: BinaryExpression,
  scope: Scope,
): Value | undefined {
  const left = evaluateBool(evaluation, expression.left, scope);
  if (left && left.value === (expression.operator === '||')) return left;
  const right = evaluateBool(evaluation, expression.right, scope);
  return left && right && boolValue(right.value, left.marks | right.marks);
}

/** "Comparison Operators": identical types and equal values. */
function evaluateEquality(
  evaluation: Evaluation,
  expression: BinaryExpression,
  scope: Scope,
): Value | undefined {
  const left = evaluation.evaluate(expression.left, scope);
  const right = evaluation.evaluate(expression.right, scope);
  if (!left || !right) return undefined;
  charge(evaluation, sizeOf(left) + sizeOf(right));
  const equal = equalValues(left, right);
  return boolValue(equal === (expression.operator === '=='), marksOf(left) | marksOf(right));
}

/** "Comparison Operators" and "Arithmetic Operators" on numbers. */
function evaluateNumeric(
  evaluation: Evaluation,
  expression: BinaryExpression,
  scope: Scope,
): Value | undefined {
  const left = evaluateNumber(evaluation, expression.left, scope);
  const right = evaluateNumber(evaluation, expression.right, scope);
  if (!left || !right) return undefined;
  const marks = left.marks | right.marks;
  const compared = comparison(expression.operator, compareDecimals(left.value, right.value));
  if (compared !== undefined) return boolValue(compared, marks);
  if ((expression.operator === '/' || expression.operator === '%') && right.value.coefficient === 0n) {
    const detail = 'A number cannot be divided by zero. Guard it, for instance `n == 0 ? 0 : total / n`.';
    return report(evaluation, { summary: 'Division by zero', detail, span: expression.right });
  }
  const result = arithmetic(expression.operator, left.value, right.value);
  if (result) return numberValue(result, marks);
  const detail = `The result takes more than ${numberDigitsMax} digits when written in full.`;
  return report(evaluation, { summary: 'Number out of range', detail, span: expression });
}

/** Whether the order of two numbers is what the operator asks for; undefined when it asks for something else. */
function comparison(operator: BinaryOperator, order: number): boolean | undefined {
  if (operator === '<') return order < 0;
  if (operator === '<=') return order <= 0;
  if (operator === '>') return order > 0;
  return operator === '>=' ? order >= 0 : undefined;
}

function arithmetic(operator: BinaryOperator, left: Decimal, right: Decimal): Decimal | undefined {
  if (operator === '+') return add(left, right);
  if (operator === '-') return subtract(left, right);
  if (operator === '*') return multiply(left, right);
  return operator === '/' ? divide(left, right) : remainder(left, right);
}

function evaluateNumber(
  evaluation: Evaluation,
  expression: Expression,
  scope: Scope,
): NumberValue | undefined {
  const value = evaluation.evaluate(expression, scope);
  if (!value || value.kind === 'number') return value;
  const converted = convert(value, NUMBER);
  if ('value' in converted && converted.value.kind === 'number') return converted.value;
  const problem = 'problem' in converted ? converted.problem : 'a number is required, and this is null';
  const hint = value.kind === 'string' ? ' To join texts, put both into one template: "${a}${b}".' : '';
  return report(evaluation, {
    summary: 'Invalid operand',
    detail: `${sentence(problem)}${hint}`,
    span: expression,
  });
}

function evaluateBool(evaluation: Evaluation, expression: Expression, scope: Scope): BoolValue | undefined {
  const value = evaluation.evaluate(expression, scope);
  if (!value || value.kind === 'bool') return value;
  const converted = convert(value, BOOL);
  if ('value' in converted && converted.value.kind === 'bool') return converted.value;
  const problem = 'problem' in converted ? converted.problem : 'a bool is required, and this is null';
  return report(evaluation, { summary: 'Invalid operand', detail: sentence(problem), span: expression });
}

function sentence(clause: string): string {
  return `${clause.charAt(0).toUpperCase()}${clause.slice(1)}.`;
}
