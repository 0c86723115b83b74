// Plans the operations of an action without doing anything.
import { planOperation } from '../../agent/plan.ts';
import { createEvaluator } from '../../agent/plan/evaluator.ts';
import type { OperationPlan } from '../../agent/plan/operation-plan.ts';
import { variablesOf } from '../../agent/plan/scope.ts';
import { standardFunctions } from '../../hcl/functions/standard.ts';
import { TAINTED, withMarksDeep } from '../../hcl/values.ts';
import type { Value } from '../../hcl/values.ts';
import { inputsOf, loadText } from './run-action.ts';

export interface PlanOptions {
  /** JSON text by input name. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** Results of earlier operations by name; they become foreign here. */
  readonly results?: Readonly<Record<string, Value>>;
  readonly compatibility?: boolean;
}

/** The plan of the first operation of the only action in the text. Throws what planOperation does. */
export function planText(text: string, options: PlanOptions = {}): OperationPlan {
  const file = loadText(text, { compatibility: options.compatibility === true });
  const [action] = file.actions;
  const operation = action?.operations.at(-1);
  if (action === undefined || operation === undefined) throw new Error('nothing to plan');
  const context = {
    runId: 'run-1',
    attempt: 1,
    requestedBy: 'ada',
    agent: { id: 'a-1', name: 'agent one' },
    actionName: action.name,
    applicationName: 'shop',
  };
  const results = new Map(
    Object.entries(options.results ?? {}).map(([name, value]) => [name, withMarksDeep(value, TAINTED)]),
  );
  const variables = variablesOf({ action, inputs: inputsOf(action, options.inputs ?? {}), context }, results);
  const evaluator = createEvaluator({
    action,
    variables,
    functions: standardFunctions,
    onValue: () => undefined,
  });
  return planOperation(operation, evaluator, { shell: '/bin/sh', proxy: null, runAs: null });
}

/** An action around one `run` or `http` block, with inputs of these declarations. */
export function actionOf(block: string, inputs = ''): string {
  return `group "g" {\n action "a" {\n${inputs}\n${block}\n }\n}`;
}
