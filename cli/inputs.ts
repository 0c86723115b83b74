// Turns `--input name=value` into typed inputs by the action's own schema; sensitive ones come from files or stdin.
import type { Action } from '../protocol/api/operations.ts';
import { Failure } from '../protocol/failures.ts';
import { parseJson } from '../protocol/json.ts';
import type { JsonValue } from '../protocol/json.ts';

/**
 * `pairs` are `name=value`. A string input takes the text as it is, every other type is read as JSON, so that
 * `count=3`, `canary=true` and `hosts=["a","b"]` mean what they look like; a list also takes `a,b`.
 */
export function parseInputs(
  pairs: readonly string[],
  schema: NonNullable<Action['definition']>['inputs'],
): Record<string, JsonValue> {
  const inputs: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>;
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals <= 0) {
      throw new Failure('invalid_configuration', `--input takes name=value; ${JSON.stringify(pair)} is not.`);
    }
    const name = pair.slice(0, equals);
    if (name in inputs) throw new Failure('invalid_configuration', `The input ${name} is given twice.`);
    inputs[name] = parseValue(name, pair.slice(equals + 1), typeOf(schema, name));
  }
  return inputs;
}

function parseValue(name: string, text: string, type: string | null): JsonValue {
  if (type === null || type === 'string') return text;
  if (type === 'array' && !text.trimStart().startsWith('[')) return text === '' ? [] : text.split(',');
  try {
    return parseJson(text) as JsonValue;
  } catch {
    throw new Failure(
      'invalid_inputs',
      `The input ${name} is of type ${type}; ${JSON.stringify(text)} is not.`,
    );
  }
}

/** The JSON type of one input, or null where the schema does not say. */
function typeOf(schema: NonNullable<Action['definition']>['inputs'], name: string): string | null {
  const properties = schema?.['properties'];
  if (typeof properties !== 'object' || properties === null || !Object.hasOwn(properties, name)) return null;
  const property: unknown = (properties as Record<string, unknown>)[name];
  if (typeof property !== 'object' || property === null || !('type' in property)) return null;
  const { type } = property;
  if (typeof type === 'string') return type;
  const named = Array.isArray(type) ? type.find((candidate) => candidate !== 'null') : null;
  return typeof named === 'string' ? named : null;
}
