// Turns `--input name=value` into typed inputs by the action's own schema; sensitive ones come from files or stdin.
import type { Action } from '../protocol/api/operations.ts';
import { Failure } from '../protocol/failures.ts';
import { parseJson } from '../protocol/json.ts';
import type { JsonValue } from '../protocol/json.ts';

type InputSchema = NonNullable<Action['definition']>['inputs'];
type Inputs = Record<string, JsonValue>;

/**
 * `pairs` are `name=value`. A string input takes the text as it is, every other type is read as JSON, so that
 * `count=3`, `canary=true` and `hosts=["a","b"]` mean what they look like; a list also takes `a,b`. A sensitive input
 * is refused: what stands on a command line can be read by every process of the machine.
 */
export function parseInputs(pairs: readonly string[], schema: InputSchema): Inputs {
  const inputs = Object.create(null) as Inputs;
  for (const pair of pairs) {
    const { name, rest } = splitPair(pair, '--input takes name=value');
    if (isSensitive(schema, name)) {
      throw new Failure(
        'invalid_configuration',
        `The input ${name} is sensitive: give it with --secret ${name}=FILE, or --secret ${name}=- for standard input.`,
      );
    }
    addInput(inputs, name, parseValue(name, rest, typeOf(schema, name)));
  }
  return inputs;
}

/** The name of an input and what stands behind the equals sign. Throws `invalid_configuration`. */
export function splitPair(pair: string, takes: string): { readonly name: string; readonly rest: string } {
  const equals = pair.indexOf('=');
  if (equals <= 0) {
    // Behind the first sign may stand a secret, so no more is repeated than its name.
    throw new Failure('invalid_configuration', `${takes}; ${JSON.stringify(pair.split('=')[0])} is not.`);
  }
  return { name: pair.slice(0, equals), rest: pair.slice(equals + 1) };
}

/** Adds one whose text came from a file or standard input; it is read by the same rules. */
export function addSecretInput(inputs: Inputs, name: string, text: string, schema: InputSchema): void {
  addInput(inputs, name, parseValue(name, text, typeOf(schema, name)));
}

function addInput(inputs: Inputs, name: string, value: JsonValue): void {
  if (Object.hasOwn(inputs, name)) {
    throw new Failure('invalid_configuration', `The input ${name} is given twice.`);
  }
  inputs[name] = value;
}

function parseValue(name: string, text: string, type: string | null): JsonValue {
  if (type === null || type === 'string') return text;
  if (type === 'array' && !text.trimStart().startsWith('[')) return text === '' ? [] : text.split(',');
  try {
    return parseJson(text) as JsonValue;
  } catch {
    throw new Failure('invalid_inputs', `The input ${name} is of type ${type}; what was given is not.`);
  }
}

/** The JSON type of one input, or null where the schema does not say. */
function typeOf(schema: InputSchema, name: string): string | null {
  const type = propertyOf(schema, name)['type'];
  if (typeof type === 'string') return type;
  const named = Array.isArray(type) ? type.find((candidate) => candidate !== 'null') : null;
  return typeof named === 'string' ? named : null;
}

/** Whether the schema of an input says that its value is a secret. */
export function isSensitive(schema: InputSchema, name: string): boolean {
  return propertyOf(schema, name)['x-wayside-sensitive'] === true;
}

function propertyOf(schema: InputSchema, name: string): Readonly<Record<string, unknown>> {
  const properties = schema?.['properties'];
  if (typeof properties !== 'object' || properties === null || !Object.hasOwn(properties, name)) return {};
  const property: unknown = Reflect.get(properties, name);
  return typeof property === 'object' && property !== null ? (property as Record<string, unknown>) : {};
}
