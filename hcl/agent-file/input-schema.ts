// The JSON Schema (draft 2020-12) of an action's inputs, as agents advertise it. `x-wayside-sensitive` and
// `x-wayside-order` are ours. Numbers that a double cannot hold stand in it with all their digits.
import { printDecimal } from '../decimal.ts';
import type { Decimal } from '../decimal.ts';
import type { Value } from '../values.ts';
import { isSequence } from '../values.ts';
import type { InputDefinition } from './definition.ts';

/** A number in its source text (ECMA-262, JSON.rawJSON). */
export interface RawNumber {
  readonly rawJSON: string;
}

export type InputJson =
  null | boolean | number | string | RawNumber | readonly InputJson[] | { readonly [key: string]: InputJson };

export type InputSchema = { readonly [key: string]: InputJson };

/** The schema of an object that has one member for each input. */
export function defineInputSchema(inputs: readonly InputDefinition[]): InputSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: Object.fromEntries(inputs.map((input) => [input.name, propertyOf(input)])),
    required: inputs.filter(({ required }) => required).map(({ name }) => name),
    additionalProperties: false,
    'x-wayside-order': inputs.map(({ name }) => name),
  };
}

/** Leaves out what is undefined. */
type Partial = Readonly<Record<string, InputJson | undefined>>;

function defined(members: Partial): InputSchema {
  return Object.fromEntries(
    Object.entries(members).filter((entry): entry is [string, InputJson] => entry[1] !== undefined),
  );
}

function propertyOf(input: InputDefinition): InputSchema {
  const shape = shapeOf(input);
  const nullable = input.default === null;
  return defined({
    ...shape,
    type: nullable ? [shape.type ?? 'string', 'null'] : shape.type,
    enum: nullable && Array.isArray(shape.enum) ? [...shape.enum, null] : shape.enum,
    description: input.description === '' ? undefined : input.description,
    default: input.default === undefined ? undefined : jsonOf(input.default),
    'x-wayside-sensitive': input.sensitive ? true : undefined,
  });
}

function shapeOf(input: InputDefinition): InputSchema {
  const { pattern, keyPattern, options, min, max, minLength, maxLength } = input;
  const scalar = { pattern, enum: options?.map(jsonOf) };
  switch (input.type.kind) {
    case 'number':
      return defined({
        type: 'number',
        enum: scalar.enum,
        minimum: min && jsonNumber(min),
        maximum: max && jsonNumber(max),
      });
    case 'bool':
      return { type: 'boolean' };
    case 'list': {
      const items = defined({ type: 'string', ...scalar });
      return defined({ type: 'array', items, minItems: minLength, maxItems: maxLength });
    }
    case 'map': {
      const additionalProperties = defined({ type: 'string', ...scalar });
      const propertyNames = keyPattern === undefined ? undefined : { pattern: keyPattern };
      const bounds = { minProperties: minLength, maxProperties: maxLength };
      return defined({ type: 'object', additionalProperties, propertyNames, ...bounds });
    }
    default:
      return defined({ type: 'string', ...scalar, minLength, maxLength });
  }
}

/** A value as JSON that keeps every digit. */
export function jsonOf(value: Value | null): InputJson {
  if (value === null || value.kind === 'null') return null;
  if (value.kind === 'number') return jsonNumber(value.value);
  if (value.kind === 'bool' || value.kind === 'string') return value.value;
  if (isSequence(value)) return value.items.map(jsonOf);
  return Object.fromEntries([...value.entries].map(([key, entry]) => [key, jsonOf(entry)]));
}

function jsonNumber(value: Decimal): InputJson {
  const text = printDecimal(value);
  return String(Number(text)) === text ? Number(text) : JSON.rawJSON(text);
}
