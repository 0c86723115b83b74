// Expressions whose value is known when a file is loaded: they refer to no variable and to no function of the agent.
import type { Expression, Source } from '../ast.ts';
import { evaluate } from '../evaluate.ts';
import type { Evaluated } from '../evaluate.ts';
import { standardFunctions } from '../functions/standard.ts';
import { printDecimal } from '../decimal.ts';
import type { Value } from '../values.ts';
import { literalText, referencesOf } from './references.ts';

const noVariables: ReadonlyMap<string, Value> = new Map();

/** Does nothing that only a run knows arrive in the expression? (`try` would hide it from an evaluation.) */
export function isConstant(expression: Expression): boolean {
  const { variables, calls } = referencesOf(expression);
  return variables.length === 0 && calls.every(({ name }) => standardFunctions.has(name));
}

/** Evaluates with the standard functions and no variable. */
export function evaluateConstant(expression: Expression, source: Source): Evaluated {
  return evaluate(expression, { source, variables: noVariables, functions: standardFunctions });
}

/** The text of an expression that is always the same; null when it is not, or not a text. */
export function constantText(expression: Expression): string | null {
  const literal = literalText(expression);
  if (literal !== null || !isConstant(expression)) return literal;
  const { value, diagnostics } = evaluateConstant(expression, { name: '', text: '' });
  if (diagnostics.length > 0) return null;
  if (value.kind === 'string') return value.value;
  return value.kind === 'number' ? printDecimal(value.value) : null;
}
