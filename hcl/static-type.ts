// What an expression is, told without evaluating it: for the result of a conditional that is not selected, where
// evaluating would read files and secrets that nobody asked for.
import type { Expression, ObjectExpression } from './ast.ts';
import { convert } from './convert.ts';
import { findFunction } from './evaluate-scope.ts';
import type { Scope } from './evaluate-scope.ts';
import { attempt, charge } from './evaluate-state.ts';
import type { Evaluation } from './evaluate-state.ts';
import { unify } from './unify.ts';
import { BOOL, NUMBER, STRING, typeOf } from './values.ts';
import type { Type } from './values.ts';

/** Whether evaluating it could call a function that reads. */
export function readsIn(expression: Expression, scope: Scope): boolean {
  for (const name of callsIn(expression)) if (findFunction(scope, name)?.reads === true) return true;
  return false;
}

const arithmetic: ReadonlySet<string> = new Set(['+', '-', '*', '/', '%']);

/** Undefined where it depends on values that are not known. Parts that read nothing are evaluated. */
export function staticTypeOf(evaluation: Evaluation, expression: Expression, scope: Scope): Type | undefined {
  charge(evaluation, 1);
  if (!readsIn(expression, scope)) {
    const { value } = attempt(evaluation, expression, scope);
    return value && typeOf(value);
  }
  switch (expression.node) {
    case 'parentheses':
      return staticTypeOf(evaluation, expression.inner, scope);
    case 'template': {
      const [first] = expression.parts;
      const isAlone = expression.parts.length === 1 && first?.part === 'interpolation';
      return isAlone ? staticTypeOf(evaluation, first.expression, scope) : STRING;
    }
    case 'call': {
      const returns = findFunction(scope, expression.name)?.returns;
      return returns && isWhole(returns) ? returns : undefined;
    }
    case 'conditional': {
      const types = allTypes(evaluation, [expression.then, expression.otherwise], scope);
      return types && unify(types);
    }
    case 'unary':
      return expression.operator === '-' ? NUMBER : BOOL;
    case 'binary':
      return arithmetic.has(expression.operator) ? NUMBER : BOOL;
    case 'tuple': {
      const elements = allTypes(evaluation, expression.items, scope);
      return elements && { kind: 'tuple', elements };
    }
    case 'object':
      return objectType(evaluation, expression, scope);
    default:
      return undefined;
  }
}

function allTypes(
  evaluation: Evaluation,
  expressions: readonly Expression[],
  scope: Scope,
): readonly Type[] | undefined {
  const types = expressions.map((each) => staticTypeOf(evaluation, each, scope));
  const known = types.filter((type) => type !== undefined);
  return known.length === types.length ? known : undefined;
}

function objectType(evaluation: Evaluation, { items }: ObjectExpression, scope: Scope): Type | undefined {
  const attributes = new Map<string, Type>();
  for (const item of items) {
    if (item.bareKey === null && readsIn(item.key, scope)) return undefined;
    const key = item.bareKey ?? quietName(evaluation, item.key, scope);
    const type = staticTypeOf(evaluation, item.value, scope);
    if (key === undefined || type === undefined) return undefined;
    attributes.set(key, type);
  }
  return { kind: 'object', attributes };
}

/** The name that a key is, without a word about one that is none. */
function quietName(evaluation: Evaluation, key: Expression, scope: Scope): string | undefined {
  const { value } = attempt(evaluation, key, scope);
  const name = value && convert(value, STRING);
  return name && 'value' in name && name.value.kind === 'string' ? name.value.value : undefined;
}

/** Nothing of it is left open. */
function isWhole(type: Type): boolean {
  if (type.kind === 'any') return false;
  if (type.kind === 'tuple') return type.elements.every(isWhole);
  if (type.kind === 'object') return [...type.attributes.values()].every(isWhole);
  return !('element' in type) || isWhole(type.element);
}

const calls = new WeakMap<Expression, ReadonlySet<string>>();

/** The names of all functions that are called anywhere in it. */
function callsIn(expression: Expression): ReadonlySet<string> {
  const known = calls.get(expression);
  if (known !== undefined) return known;
  const names = new Set<string>();
  collectCalls(expression, names);
  calls.set(expression, names);
  return names;
}

/** The tree is plain data: whatever is in it is looked through. */
function collectCalls(part: unknown, names: Set<string>): void {
  if (typeof part !== 'object' || part === null) return;
  if ('node' in part && part.node === 'call' && 'name' in part) names.add(String(part.name));
  for (const inner of Object.values(part)) collectCalls(inner, names);
}
