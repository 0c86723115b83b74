// What the parts of the evaluator share: where they report, what they have used up, how they evaluate further.
import type { Expression, Source, Span } from './ast.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { Budget, Scope } from './evaluate-scope.ts';
import type { Attempt } from './functions/function.ts';
import {
  diagnosticsMax,
  evaluationStepsMax,
  evaluationTextMax,
  textPerStep,
  valueSizeMax,
} from './limits.ts';
import type { Marks, Value } from './values.ts';
import { sizeOf } from './values.ts';

export interface Evaluation {
  readonly source: Source;
  readonly budget: Budget;
  /** Where reports go; another list while a branch that may turn out not to be taken is evaluated. */
  diagnostics: Diagnostic[];
  /** How many expressions are under evaluation inside each other. */
  depth: number;
  /** The expression under evaluation: the place of a limit that is met. */
  at: Span;
  /** The marks of everything that was looked at since an attempt began. */
  seen: Marks;
  /** The value of an expression, or undefined after reporting why there is none. */
  readonly evaluate: (expression: Expression, scope: Scope) => Value | undefined;
}

export interface Report {
  readonly summary: string;
  readonly detail: string;
  readonly span: Span;
}

/** Adds an error. Gives undefined, so that an evaluator can return what it gives. */
export function report(evaluation: Evaluation, { summary, detail, span }: Report): undefined {
  if (evaluation.diagnostics.length >= diagnosticsMax) return undefined;
  const place = { start: span.start, end: span.end };
  evaluation.diagnostics.push({ severity: 'error', summary, detail, source: evaluation.source, span: place });
  return undefined;
}

/** Thrown through the evaluator, and caught where it began, when an evaluation meets a limit. */
export class LimitReached extends Error {
  readonly detail: string;

  constructor(detail: string) {
    super('evaluation limit reached');
    this.detail = detail;
  }
}

/** Counts steps; does not return when there are too many. */
export function charge(evaluation: Evaluation, steps: number): void {
  evaluation.budget.steps += steps;
  if (evaluation.budget.steps > evaluationStepsMax) {
    throw new LimitReached(
      `An evaluation may take no more than ${evaluationStepsMax} steps. Use less data or fewer loops.`,
    );
  }
}

/** Counts text that is made; does not return when there is too much. */
export function chargeText(evaluation: Evaluation, length: number): void {
  charge(evaluation, Math.ceil(length / textPerStep));
  evaluation.budget.text += length;
  if (evaluation.budget.text > evaluationTextMax) {
    throw new LimitReached(`An evaluation may make no more than ${evaluationTextMax} characters of text.`);
  }
}

/** Gives back a value that was just made, if it is not too big; does not return otherwise. */
export function checkSize<T extends Value>(value: T): T {
  if (sizeOf(value) > valueSizeMax) {
    throw new LimitReached(
      `A value may hold no more than ${valueSizeMax} values, what it holds several times included.`,
    );
  }
  return value;
}

/** Evaluates with reports going to a list of its own, for a branch or an argument that may not count. */
export function attempt(evaluation: Evaluation, expression: Expression, scope: Scope): Attempt {
  const { diagnostics, seen } = evaluation;
  const own: Diagnostic[] = [];
  evaluation.diagnostics = own;
  evaluation.seen = 0;
  const value = evaluation.evaluate(expression, scope);
  const marks = evaluation.seen;
  evaluation.diagnostics = diagnostics;
  evaluation.seen = seen | marks;
  return { value, diagnostics: own, marks };
}
