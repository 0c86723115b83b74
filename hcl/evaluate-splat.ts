// Splats (hashicorp/hcl, hclsyntax/spec.md "Splat Operators"): the accesses that follow are applied to each element;
// a value that is no sequence counts as one element, and null as none.
import type { SplatExpression } from './ast.ts';
import { takeAttribute, takeIndex } from './evaluate-access.ts';
import type { Scope } from './evaluate-scope.ts';
import type { Evaluation } from './evaluate-state.ts';
import { charge, checkSize } from './evaluate-state.ts';
import type { Value } from './values.ts';
import { isSequence, tupleValue, withMarks } from './values.ts';

type Steps = SplatExpression['each'];

export function evaluateSplat(
  evaluation: Evaluation,
  expression: SplatExpression,
  scope: Scope,
): Value | undefined {
  const source = evaluation.evaluate(expression.source, scope);
  return source && splat(evaluation, source, { steps: expression.each, scope });
}

function splat(
  evaluation: Evaluation,
  source: Value,
  { steps, scope }: { steps: Steps; scope: Scope },
): Value | undefined {
  const items: Value[] = [];
  for (const element of elementsOf(source)) {
    charge(evaluation, 1 + steps.length);
    const item = applySteps(evaluation, withMarks(element, source.marks), { steps, scope });
    if (!item) return undefined;
    items.push(item);
  }
  return checkSize(tupleValue(items, source.marks));
}

function elementsOf(source: Value): readonly Value[] {
  if (isSequence(source)) return source.items;
  return source.kind === 'null' ? [] : [source];
}

/** Follows the accesses from one element; a splat among them takes all that come after it to its own elements. */
function applySteps(
  evaluation: Evaluation,
  element: Value,
  { steps, scope }: { steps: Steps; scope: Scope },
): Value | undefined {
  let value: Value | undefined = element;
  for (const [at, step] of steps.entries()) {
    if (step.step === 'splat') return splat(evaluation, value, { steps: steps.slice(at + 1), scope });
    if (step.step === 'attribute') {
      value = takeAttribute(evaluation, value, { name: step.name, span: step });
    } else {
      const key = evaluation.evaluate(step.key, scope);
      value = key && takeIndex(evaluation, value, { key, span: step.key });
    }
    if (!value) return undefined;
  }
  return value;
}
