// The condition under which an outside token stands for a service: an expression over its claims, in the syntax of the
// agent's language and with the little of it that a yes or no about claims needs. Total: it answers, or says why not.
import type { Expression } from '../../hcl/ast.ts';
import { parseExpression } from '../../hcl/parse.ts';
import { conditionNodesMax } from '../../protocol/limits-authority.ts';

type Known = string | number | boolean | null | readonly Known[] | { readonly [name: string]: Known };

export type ConditionResult = { readonly holds: true } | { readonly holds: false; readonly because: string };

class Unusable extends Error {}

/** Why the text is no condition, or null. */
export function conditionProblem(text: string): string | null {
  const { expression, diagnostics } = parseExpression('condition', text);
  const [first] = diagnostics;
  if (first !== undefined) return first.detail ?? first.summary;
  try {
    inspect(expression, { left: conditionNodesMax });
    return null;
  } catch (error) {
    if (error instanceof Unusable) return error.message;
    throw error;
  }
}

/** Whether the claims satisfy the condition. What cannot be judged, for instance by a missing claim, does not hold. */
export function conditionHolds(text: string, claims: Readonly<Record<string, unknown>>): ConditionResult {
  // Also what would not be looked at must be readable.
  if (conditionProblem(text) !== null) return { holds: false, because: 'the condition cannot be read' };
  const { expression } = parseExpression('condition', text);
  try {
    const value = evaluate(expression, claims as { readonly [name: string]: Known });
    return value === true
      ? { holds: true }
      : { holds: false, because: 'the claims do not satisfy the condition' };
  } catch (error) {
    if (error instanceof Unusable) return { holds: false, because: error.message };
    throw error;
  }
}

const functions: Readonly<Record<string, number>> = Object.assign(Object.create(null), {
  startswith: 2,
  endswith: 2,
  contains: 2,
});

/** Refuses, before any claims are there, what `evaluate` has no answer for. */
function inspect(expression: Expression, budget: { left: number }): void {
  budget.left -= 1;
  if (budget.left < 0) throw new Unusable(`A condition has ${conditionNodesMax} parts at the most.`);
  for (const inner of partsOf(expression)) inspect(inner, budget);
}

function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.node) {
    case 'literal':
      return [];
    case 'template':
      textOf(expression);
      return [];
    case 'variable':
      if (expression.name !== 'claims') throw new Unusable(`There is no ${expression.name}, only claims.`);
      return [];
    case 'attribute-access':
      return [expression.object];
    case 'index':
      return [expression.object, expression.key];
    case 'parentheses':
      return [expression.inner];
    case 'tuple':
      return expression.items;
    case 'unary':
      if (expression.operator !== '!') throw new Unusable('A condition does not calculate.');
      return [expression.operand];
    case 'binary':
      if (!['==', '!=', '&&', '||'].includes(expression.operator)) {
        throw new Unusable(
          `A condition compares with == and !=, joined by && and ||; not ${expression.operator}.`,
        );
      }
      return [expression.left, expression.right];
    case 'call':
      if (functions[expression.name] !== expression.arguments.length || expression.expand) {
        throw new Unusable(
          'A condition knows startswith(text, start), endswith(text, end), contains(list, item).',
        );
      }
      return expression.arguments;
    default:
      throw new Unusable(`A condition has no ${expression.node}.`);
  }
}

function evaluate(expression: Expression, claims: { readonly [name: string]: Known }): Known {
  partsOf(expression);
  const value = (inner: Expression): Known => evaluate(inner, claims);
  switch (expression.node) {
    case 'literal': {
      const { literal } = expression;
      if (literal.kind === 'null') return null;
      return literal.kind === 'bool' ? literal.value : Number(literal.digits);
    }
    case 'template':
      return textOf(expression);
    case 'variable':
      return claims;
    case 'attribute-access':
      return member(value(expression.object), expression.name);
    case 'index':
      return member(value(expression.object), value(expression.key));
    case 'parentheses':
      return value(expression.inner);
    case 'tuple':
      return expression.items.map(value);
    case 'unary': {
      const operand = truth(value(expression.operand));
      return operand === null ? null : !operand;
    }
    case 'binary':
      return binary(expression, value);
    case 'call':
      return call(expression.name, expression.arguments.map(value));
    default:
      throw new Unusable(`A condition has no ${expression.node}.`);
  }
}

/** Null is what cannot be known (Kleene's logic): a claim that is missing makes no comparison hold, nor its opposite. */
function binary(
  { operator, left, right }: Extract<Expression, { node: 'binary' }>,
  value: (inner: Expression) => Known,
): boolean | null {
  if (operator === '&&' || operator === '||') {
    const decisive = operator === '||';
    const first = truth(value(left));
    if (first === decisive) return decisive;
    const second = truth(value(right));
    if (second === decisive) return decisive;
    return first === null || second === null ? null : !decisive;
  }
  const [one, other] = [value(left), value(right)];
  const asksForNull = [left, right].some((each) => each.node === 'literal' && each.literal.kind === 'null');
  if (!asksForNull && (one === null || other === null)) return null;
  return isSame(one, other) === (operator === '==');
}

function call(name: string, [first = null, second = null]: readonly Known[]): boolean | null {
  if (first === null || second === null) return null;
  if (name === 'contains') return Array.isArray(first) && first.some((item) => isSame(item, second));
  // The empty text is the start of everything: a condition with it would hold for all.
  if (typeof first !== 'string' || typeof second !== 'string' || second === '') return false;
  return name === 'startswith' ? first.startsWith(second) : first.endsWith(second);
}

function truth(value: Known): boolean | null {
  if (typeof value === 'boolean' || value === null) return value;
  throw new Unusable('a part of the condition is neither true nor false');
}

/** Of the same type and the same value; texts and numbers are never the same. */
function isSame(left: Known, right: Known): boolean {
  if (typeof left === 'object' && left !== null) return false;
  return left === right;
}

function member(value: Known, key: Known): Known {
  if (typeof value !== 'object' || value === null) return null;
  if (Array.isArray(value))
    return typeof key === 'number' ? ((value[key] as Known | undefined) ?? null) : null;
  if (typeof key !== 'string' || !Object.hasOwn(value, key)) return null;
  return (value as { readonly [name: string]: Known })[key] ?? null;
}

function textOf(expression: Extract<Expression, { node: 'template' }>): string {
  return expression.parts
    .map((part) => {
      if (part.part !== 'text') throw new Unusable('Texts in a condition are plain, without ${…}.');
      return part.value;
    })
    .join('');
}
