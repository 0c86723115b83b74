// Evaluates expressions.
import type { Expression } from './ast.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { Scope } from './evaluate-scope.ts';
import type { Value } from './values.ts';
import { NULL } from './values.ts';

export interface Evaluated {
  /** Null when there are errors. */
  readonly value: Value;
  readonly diagnostics: readonly Diagnostic[];
}

/** The value of an expression in a scope, or what is wrong with it. */
export function evaluate(expression: Expression, scope: Scope): Evaluated {
  void expression;
  void scope;
  return { value: NULL, diagnostics: [] };
}
