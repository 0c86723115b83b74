// Plans a line of the status log. It is for people, so what is sensitive in it is masked before it is anything else.
import type { StatusOperation } from '../../hcl/agent-file/definition.ts';
import { convert } from '../../hcl/convert.ts';
import { isMapping, STRING } from '../../hcl/values.ts';
import type { StringValue, Value } from '../../hcl/values.ts';
import type { Expression } from '../../hcl/ast.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { publicJson } from './public-json.ts';
import type { Evaluator } from './evaluator.ts';
import type { StatusPlan } from './operation-plan.ts';

/** Null stands for what is not given. Throws `evaluation_failed`. */
export function planStatus(operation: StatusOperation, evaluator: Evaluator): StatusPlan {
  const status = optionalText(operation.status, evaluator);
  return {
    kind: 'status',
    message: optionalText(operation.message, evaluator),
    values: operation.values === null ? {} : planValues(operation.values, evaluator),
    status: statusNamed(status?.value ?? ''),
  };
}

function optionalText(expression: Expression | null, evaluator: Evaluator): StringValue | null {
  if (expression === null) return null;
  const value: Value = evaluator.value(expression);
  if (value.kind === 'null') return null;
  const converted = convert(value, STRING);
  if ('value' in converted && converted.value.kind === 'string') return converted.value;
  throw evaluator.fail(expression, 'a text is needed here.');
}

function planValues(expression: Expression, evaluator: Evaluator): Readonly<Record<string, JsonValue>> {
  const found = evaluator.value(expression);
  if (!isMapping(found)) throw evaluator.fail(expression, '`values` is a map.');
  // The names of a map that is sensitive as a whole are so too.
  const shown = publicJson(found);
  return typeof shown === 'string' ? { [shown]: shown } : (shown as Readonly<Record<string, JsonValue>>);
}

function statusNamed(text: string): StatusPlan['status'] {
  const name = text.toLowerCase();
  return name === 'running' || name === 'complete' || name === 'error' ? name : null;
}
