// A plan for people, made without reading anything and without doing anything: references stand for what is secret
// and for what only a run can know.
import type {
  ActionDefinition,
  AgentSettings,
  OperationDefinition,
} from '../../hcl/agent-file/definition.ts';
import { expressionsOf } from '../../hcl/agent-file/check-taint.ts';
import { agentFunctions } from '../../hcl/agent-file/names.ts';
import { referencesOf } from '../../hcl/agent-file/references.ts';
import type { HclFunction } from '../../hcl/functions/function.ts';
import {
  countValue,
  isMapping,
  isSequence,
  objectValue,
  SENSITIVE,
  stringValue,
  TAINTED,
  withMarksDeep,
} from '../../hcl/values.ts';
import type { Value } from '../../hcl/values.ts';
import { Failure } from '../../protocol/failures.ts';
import { operationTitle, planOperation } from '../plan.ts';
import { createEvaluator } from './evaluator.ts';
import type { Evaluator } from './evaluator.ts';
import type { OperationPlan } from './operation-plan.ts';
import { variablesOf } from './scope.ts';

export interface PreviewedOperation {
  readonly definition: OperationDefinition;
  readonly title: string;
  /** Null when only a run can know it, or when the run would be refused. */
  readonly plan: OperationPlan | null;
  /** Why there is no plan. */
  readonly problem: string | null;
  /** True when it would be refused, not only unknown. */
  readonly refused: boolean;
}

export interface Preview {
  readonly action: ActionDefinition;
  readonly operations: readonly PreviewedOperation[];
  readonly outputs: readonly {
    readonly name: string;
    readonly value: Value | null;
    readonly sensitive: boolean;
  }[];
}

/** What a run of the action with these inputs would do, if each operation succeeds. Never reads and never throws. */
export function previewAction(
  {
    action,
    settings,
    inputs,
  }: {
    readonly action: ActionDefinition;
    readonly settings: AgentSettings;
    readonly inputs: ReadonlyMap<string, Value>;
  },
  { shell }: { readonly shell: string },
): Preview {
  const shown = new Map([...inputs].map(([name, value]) => [name, reference(`var.${name}`, value)]));
  const results = new Map<string, Value>();
  const evaluatorNow = (): Evaluator =>
    createEvaluator({
      action,
      variables: variablesOf({ action, inputs: shown, context: references }, results),
      functions: previewFunctions,
      onValue: () => undefined,
    });
  const operations = action.operations.map((definition) => {
    const evaluator = evaluatorNow();
    const previewed = preview(definition, () =>
      planOperation(definition, evaluator, { shell, proxy: settings.network.proxy, runAs: settings.runAs }),
    );
    if (definition.name !== null) results.set(definition.name, resultReferences(definition, definition.name));
    return previewed;
  });
  const evaluator = evaluatorNow();
  return {
    action,
    operations,
    outputs: action.outputs.map(({ name, value, sensitive }) => ({
      name,
      sensitive,
      value: attempt(() => evaluator.value(value)),
    })),
  };
}

const references = {
  runId: 'run.id',
  attempt: 1,
  requestedBy: 'run.requested_by',
  agent: { id: 'agent.id', name: 'agent.name' },
  actionName: 'action.name',
  token: 'run.token',
  applicationName: 'application.name',
};

/** `env("NAME")` stands for what it would read. */
const previewFunctions: ReadonlyMap<string, HclFunction> = new Map(
  [...agentFunctions].map(([name, declared]) => [
    name,
    {
      ...declared,
      call: ([argument]) =>
        stringValue(
          `${name}(${JSON.stringify(argument?.kind === 'string' ? argument.value : '')})`,
          SENSITIVE,
        ),
    },
  ]),
);

/** Each sensitive leaf of an input as the expression that gives it. */
function reference(path: string, value: Value, outer = 0): Value {
  const marks = value.marks | outer;
  if (isSequence(value)) {
    return { ...value, items: value.items.map((item, at) => reference(`${path}[${at}]`, item, marks)) };
  }
  if (isMapping(value)) {
    const entries = [...value.entries].map(([key, member]): readonly [string, Value] => [
      key,
      reference(`${path}[${JSON.stringify(key)}]`, member, marks),
    ]);
    return { ...value, entries: new Map(entries) };
  }
  return (marks & SENSITIVE) !== 0 && value.kind !== 'null' ? stringValue(path, value.marks) : value;
}

/** Results of an operation that succeeds; texts are references to them. */
function resultReferences(definition: OperationDefinition, name: string): Value {
  const path = /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)
    ? `operation.${name}`
    : `operation[${JSON.stringify(name)}]`;
  const text = (part: string): Value => stringValue(`${path}.${part}`);
  const values = ((): Value => {
    switch (definition.kind) {
      case 'run':
        return objectValue([
          ['exit_code', countValue(0)],
          ['output', text('output')],
        ]);
      case 'http':
        return objectValue([
          [
            'response',
            objectValue([
              ['status', countValue(definition.expect.status[0]?.from ?? 0)],
              ['headers', objectValue([])],
              ['body', text('response.body')],
            ]),
          ],
          ['output', text('output')],
        ]);
      case 'status':
        return objectValue([]);
    }
  })();
  return withMarksDeep(values, TAINTED | (definition.sensitive ? SENSITIVE : 0));
}

function preview(definition: OperationDefinition, plan: () => OperationPlan): PreviewedOperation {
  const title = operationTitle(definition);
  try {
    return { definition, title, plan: plan(), problem: null, refused: false };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // What cannot be evaluated without a result or a secret is no mistake: a run may well know it.
    const unknown = error.code === 'evaluation_failed' && needsRun(definition);
    return { definition, title, plan: null, problem: error.message, refused: !unknown };
  }
}

function needsRun(definition: OperationDefinition): boolean {
  return expressionsOf(definition).some((expression) => {
    const { calls, variables } = referencesOf(expression);
    return (
      calls.some(({ name }) => agentFunctions.has(name)) ||
      variables.some(({ path }) => path[0] === 'operation')
    );
  });
}

function attempt(evaluate: () => Value): Value | null {
  try {
    return evaluate();
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}
