// Variables, functions and scopes (hashicorp/hcl, hclsyntax/spec.md "Variables and Variable Expressions" and
// "Functions and Function Calls"): a child scope hides names of its parents, and lookups go outward.
import type { Source } from './ast.ts';
import type { HclFunction } from './functions/function.ts';
import type { Value } from './values.ts';

export interface Scope {
  /** The text that the expression's spans point into. */
  readonly source: Source;
  readonly variables: ReadonlyMap<string, Value>;
  readonly functions: ReadonlyMap<string, HclFunction>;
  readonly parent?: Scope;
  /** Shared by several evaluations that together may not do more than one may; a fresh one when absent. */
  readonly budget?: Budget;
}

/** What an evaluation has used up so far; compared with the limits. */
export interface Budget {
  steps: number;
  text: number;
}

export function newBudget(): Budget {
  return { steps: 0, text: 0 };
}

export function findVariable(scope: Scope, name: string): Value | undefined {
  for (let at: Scope | undefined = scope; at; at = at.parent) {
    const value = at.variables.get(name);
    if (value) return value;
  }
  return undefined;
}

export function findFunction(scope: Scope, name: string): HclFunction | undefined {
  for (let at: Scope | undefined = scope; at; at = at.parent) {
    const found = at.functions.get(name);
    if (found) return found;
  }
  return undefined;
}

/** Every variable that an expression in this scope can name, the nearest first. */
export function variableNames(scope: Scope): string[] {
  return namesOf(scope, ({ variables }) => variables.keys());
}

/** Every function that an expression in this scope can call, the nearest first. */
export function functionNames(scope: Scope): string[] {
  return namesOf(scope, ({ functions }) => functions.keys());
}

function namesOf(scope: Scope, keys: (scope: Scope) => Iterable<string>): string[] {
  const names = new Set<string>();
  for (let at: Scope | undefined = scope; at; at = at.parent) for (const name of keys(at)) names.add(name);
  return [...names];
}
