// Checks the inputs of a run against the JSON Schema that an agent advertises. Server, browser and agent use it: it
// trusts neither the inputs nor the schema, runs patterns in linear time only, and compares numbers by their digits.
import { RE2JS } from 're2js';
import { compareDecimals, parseDecimal } from '../decimal.ts';
import type { Decimal } from '../decimal.ts';
import { wellFormed } from '../text.ts';
import { patternCharactersMax } from './limits.ts';

export type InputProblemCode =
  | 'invalid_schema'
  | 'unknown_input'
  | 'missing_input'
  | 'wrong_type'
  | 'pattern'
  | 'not_an_option'
  | 'too_small'
  | 'too_large'
  | 'too_short'
  | 'too_long';

export interface InputProblem {
  /** The input's name; for a list or map followed by the element, `hosts[2]`. */
  readonly input: string;
  readonly code: InputProblemCode;
  /** A sentence without the value, which may be secret. */
  readonly message: string;
}

type Json = unknown;
type JsonObject = ReadonlyMap<string, Json>;

/**
 * Everything that is wrong with the inputs, in the order of the schema; empty when they satisfy it. `schema` is null
 * for an action that declares no inputs: then anything goes. Numbers may be given as numbers, bigints or `JSON.rawJSON`.
 */
export function checkInputs(
  schema: unknown,
  inputs: ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>,
): readonly InputProblem[] {
  if (schema === null) return [];
  const given = inputs instanceof Map ? (inputs as JsonObject) : objectOf(inputs);
  const properties = objectOf(objectOf(schema)?.get('properties'));
  const required = objectOf(schema)?.get('required') ?? [];
  if (given === null) return [problem('', 'wrong_type', 'The inputs must be an object.')];
  if (properties === null || !isTexts(required)) {
    return [problem('', 'invalid_schema', 'The advertised schema of the inputs cannot be read.')];
  }
  return [
    ...[...given.keys()].filter((name) => !properties.has(name)).map(unknownInput),
    ...required.filter((name) => given.get(name) === undefined).map(missingInput),
    ...[...properties].flatMap(([name, property]) => {
      const value = given.get(name);
      return value === undefined ? [] : checkValue({ name, schema: property, value });
    }),
  ];
}

function problem(input: string, code: InputProblemCode, message: string): InputProblem {
  return { input, code, message };
}

function unknownInput(name: string): InputProblem {
  return problem(name, 'unknown_input', 'The action has no such input.');
}

function missingInput(name: string): InputProblem {
  return problem(name, 'missing_input', 'A value is required.');
}

interface Subject {
  readonly name: string;
  readonly schema: Json;
  readonly value: Json;
}

/** One value against one schema of the subset that `defineInputSchema` makes. */
function checkValue({ name, schema, value }: Subject): readonly InputProblem[] {
  const rules = objectOf(schema);
  const types = rules === null ? null : typesOf(rules.get('type'));
  if (rules === null || types === null) return [invalid(name)];
  const type = typeOfJson(value);
  if (type === 'null' && types.includes('null')) return [];
  if (!types.includes(type)) {
    return [problem(name, 'wrong_type', `A value of type ${types.join(' or ')} is required.`)];
  }
  switch (type) {
    case 'string':
      return checkText(name, rules, wellFormed(String(value)));
    case 'number':
      return checkNumber(name, rules, decimalOf(value));
    case 'array':
      return checkList(name, rules, value as readonly Json[]);
    case 'object':
      return checkMap(name, rules, objectOf(value) ?? new Map());
    default:
      return [];
  }
}

function invalid(name: string): InputProblem {
  return problem(name, 'invalid_schema', 'The advertised schema of this input cannot be read.');
}

function checkText(name: string, rules: JsonObject, text: string): readonly InputProblem[] {
  const problems = checkLength(name, [...text].length, bounds(rules, 'Length', 'character'));
  const options = rules.get('enum');
  const pattern = rules.get('pattern');
  if (options !== undefined && !(Array.isArray(options) && options.includes(text))) {
    problems.push(problem(name, 'not_an_option', 'The value is not one of the options.'));
  }
  if (pattern === undefined) return problems;
  const engine = compilePattern(pattern);
  if (engine === null) return [...problems, invalid(name)];
  if (engine.matcher(text).find()) return problems;
  return [...problems, problem(name, 'pattern', `The value does not match the pattern ${String(pattern)}.`)];
}

/** The engine of a pattern, or null when it is none or longer than a pattern may be. */
export function compilePattern(pattern: unknown): RE2JS | null {
  if (typeof pattern !== 'string' || pattern.length > patternCharactersMax) return null;
  try {
    return RE2JS.compile(pattern);
  } catch {
    return null;
  }
}

function checkNumber(name: string, rules: JsonObject, number: Decimal | null): readonly InputProblem[] {
  if (number === null)
    return [problem(name, 'too_large', 'The number has more digits than numbers may have.')];
  const problems: InputProblem[] = [];
  const minimum = rules.get('minimum');
  const maximum = rules.get('maximum');
  const options = rules.get('enum');
  const least = minimum === undefined ? undefined : decimalOf(minimum);
  const most = maximum === undefined ? undefined : decimalOf(maximum);
  if (least === null || most === null) return [invalid(name)];
  if (options !== undefined && !isOneOf(number, options)) {
    problems.push(problem(name, 'not_an_option', 'The value is not one of the options.'));
  }
  if (least !== undefined && compareDecimals(number, least) < 0) {
    problems.push(problem(name, 'too_small', `The number must be at least ${numberText(minimum)}.`));
  }
  if (most !== undefined && compareDecimals(number, most) > 0) {
    problems.push(problem(name, 'too_large', `The number must be at most ${numberText(maximum)}.`));
  }
  return problems;
}

function isOneOf(number: Decimal, options: Json): boolean {
  if (!Array.isArray(options)) return false;
  return options.some((option) => {
    const other = decimalOf(option);
    return other !== null && compareDecimals(number, other) === 0;
  });
}

function checkList(name: string, rules: JsonObject, items: readonly Json[]): readonly InputProblem[] {
  const schema = rules.get('items');
  return [
    ...checkLength(name, items.length, bounds(rules, 'Items', 'element')),
    ...items.flatMap((value, at) => checkValue({ name: `${name}[${at}]`, schema, value })),
  ];
}

function checkMap(name: string, rules: JsonObject, entries: JsonObject): readonly InputProblem[] {
  const schema = rules.get('additionalProperties');
  const names = rules.get('propertyNames');
  const keys = names === undefined ? null : new Map([...(objectOf(names) ?? []), ['type', 'string']]);
  return [
    ...checkLength(name, entries.size, bounds(rules, 'Properties', 'element')),
    ...[...entries].flatMap(([key, value], at) => [
      ...(keys === null ? [] : checkText(`${name} key ${at + 1}`, keys, wellFormed(key))),
      ...checkValue({ name: `${name}[${JSON.stringify(key)}]`, schema, value }),
    ]),
  ];
}

interface LengthBounds {
  readonly min: Json;
  readonly max: Json;
  readonly unit: string;
}

function bounds(rules: JsonObject, what: string, unit: string): LengthBounds {
  return { min: rules.get(`min${what}`), max: rules.get(`max${what}`), unit };
}

function checkLength(name: string, length: number, { min, max, unit }: LengthBounds): InputProblem[] {
  const counted = (count: number): string => `${count} ${unit}${count === 1 ? '' : 's'}`;
  if ((min !== undefined && typeof min !== 'number') || (max !== undefined && typeof max !== 'number')) {
    return [invalid(name)];
  }
  if (min !== undefined && length < min) {
    return [problem(name, 'too_short', `At least ${counted(min)} are required.`)];
  }
  return max !== undefined && length > max
    ? [problem(name, 'too_long', `At most ${counted(max)} are possible.`)]
    : [];
}

function typesOf(type: Json): readonly string[] | null {
  if (typeof type === 'string') return [type];
  return isTexts(type) && type.length > 0 ? type : null;
}

function isTexts(value: Json): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function typeOfJson(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'bigint' || typeof value === 'number' || JSON.isRawJSON(value)) return 'number';
  return typeof value;
}

/** The own members of a JSON object; null for anything else. */
function objectOf(value: Json): JsonObject | null {
  if (typeOfJson(value) !== 'object' || typeof value !== 'object' || value === null) return null;
  return value instanceof Map ? (value as JsonObject) : new Map(Object.entries(value));
}

function numberText(value: Json): string {
  return JSON.isRawJSON(value) ? value.rawJSON : String(value);
}

/** A number by its source text; null when it is none, or beyond the limits. */
function decimalOf(value: Json): Decimal | null {
  return typeOfJson(value) === 'number' ? (parseDecimal(numberText(value)) ?? null) : null;
}
