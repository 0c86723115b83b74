// Type conversion (hashicorp/hcl, spec.md "Type Conversions and Unification"). Every null converts to every type;
// conversion to the dynamic type changes nothing; marks stay where they are.
import { describeKind, describeType, quoteName, showValue } from './describe.ts';
import { compareDecimals, printDecimal } from './decimal.ts';
import { valueToJson } from './json.ts';
import type { Marks, SequenceValue, StringValue, Type, Value } from './values.ts';
import {
  boolValue,
  elementTypeOf,
  isMapping,
  isSequence,
  listValue,
  mapValue,
  marksOf,
  NULL,
  numberFromText,
  objectValue,
  sameType,
  SENSITIVE,
  setValue,
  stringValue,
  tupleValue,
  typeOf,
} from './values.ts';
import { compareText } from './text.ts';
import { unify, unifyAsCollection } from './unify.ts';

export interface Problem {
  /** A clause for a sentence, for instance `a number is required, not a bool`. Shows nothing sensitive. */
  readonly problem: string;
}

type ObjectType = Extract<Type, { kind: 'object' }>;

export type Converted = { readonly value: Value } | Problem;

/** The value as one of the type, or why it cannot be one. */
export function convert(value: Value, type: Type): Converted {
  const converted = convertTo(value, type);
  if ('value' in converted || (marksOf(value) & SENSITIVE) === 0) return converted;
  return {
    problem: `${describeType(type)} is required, and the value, which is sensitive, cannot become one`,
  };
}

/**
 * All the values as values of one type: what they unify to, or, when one of them does not fit a structural type, the
 * collection type that holds them all.
 */
export function convertAlike(values: readonly Value[]): { values: readonly Value[]; type: Type } | undefined {
  const types = values.map(typeOf);
  for (const type of [unify(types), unifyAsCollection(types)]) {
    const converted = type && convertEach(values, type);
    if (converted) return { values: converted, type };
  }
  return undefined;
}

function convertEach(values: readonly Value[], type: Type): readonly Value[] | undefined {
  const converted: Value[] = [];
  for (const value of values) {
    const one = convertTo(value, type);
    if ('problem' in one) return undefined;
    converted.push(one.value);
  }
  return converted;
}

function convertTo(value: Value, type: Type): Converted {
  if (value.kind === 'null') return { value };
  switch (type.kind) {
    case 'any':
      return { value };
    case 'string':
      return toStringValue(value);
    case 'number':
      return toNumberValue(value);
    case 'bool':
      return toBoolValue(value);
    case 'list':
    case 'set':
      return toSequence(value, type.kind, type.element);
    case 'map':
      return toMap(value, type.element);
    case 'tuple':
      return toTuple(value, type.elements);
    case 'object':
      return toObject(value, type);
  }
}

function mismatch(value: Value, type: Type): Problem {
  return { problem: `${describeType(type)} is required, not ${describeKind(value)}` };
}

function toStringValue(value: Value): Converted {
  if (value.kind === 'string') return { value };
  if (value.kind === 'number') return { value: stringValue(printDecimal(value.value), value.marks) };
  if (value.kind === 'bool') return { value: stringValue(String(value.value), value.marks) };
  return mismatch(value, { kind: 'string' });
}

/** A text must be what a number's conversion to string gives: no exponent, no spaces. */
function toNumberValue(value: Value): Converted {
  if (value.kind === 'number') return { value };
  if (value.kind !== 'string') return mismatch(value, { kind: 'number' });
  const number = /^-?[0-9.]+$/.test(value.value) ? numberFromText(value.value, value.marks) : undefined;
  if (number) return { value: number };
  return { problem: `a number is required, and ${shownText(value)} is not the text of one` };
}

function toBoolValue(value: Value): Converted {
  if (value.kind === 'bool') return { value };
  if (value.kind !== 'string') return mismatch(value, { kind: 'bool' });
  if (value.value === 'true' || value.value === '1') return { value: boolValue(true, value.marks) };
  if (value.value === 'false' || value.value === '0') return { value: boolValue(false, value.marks) };
  return { problem: `a bool is required, and ${shownText(value)} is neither "true" nor "false"` };
}

function shownText(value: StringValue): string {
  return showValue(value) ?? 'the sensitive text';
}

function toSequence(value: Value, kind: 'list' | 'set', element: Type): Converted {
  if (!isSequence(value)) return mismatch(value, { kind, element });
  if (value.kind === kind && sameType(elementTypeOf(value), element)) return { value };
  const converted = convertItems(value.items, element);
  if ('problem' in converted) return converted;
  const { items, type } = converted;
  const list = listValue(items, type, value.marks);
  return { value: kind === 'list' ? list : distinctSet(items, type, value.marks) };
}

function convertItems(
  items: readonly Value[],
  element: Type,
): { items: readonly Value[]; type: Type } | Problem {
  if (element.kind === 'any') {
    const alike = convertAlike(items);
    if (alike) return { items: alike.values, type: alike.type };
    return { problem: 'all elements must be of one type, or convertible to one' };
  }
  const converted: Value[] = [];
  for (const [at, item] of items.entries()) {
    const one = convertTo(item, element);
    if ('problem' in one) return { problem: `in element ${at}, ${one.problem}` };
    converted.push(one.value);
  }
  return { items: converted, type: element };
}

/**
 * Each distinct value once: text and numbers in ascending order, others as they came. Which elements are there and
 * where depends on all of them, so the set has the marks of all.
 */
export function distinctSet(items: readonly Value[], element: Type, marks: Marks = 0): SequenceValue {
  const distinct = distinctValues(items);
  const inner = items.reduce((all, item) => all | marksOf(item), marks);
  return setValue([...distinct].sort(compareValues), element, inner);
}

/** The first of each values that are equal, in order. The values are of one type. */
export function distinctValues(items: readonly Value[]): Value[] {
  const byText = new Map<string, Value>();
  for (const item of items) {
    const text = valueToJson(item);
    if (!byText.has(text)) byText.set(text, item);
  }
  return [...byText.values()];
}

function compareValues(left: Value, right: Value): number {
  if (left.kind === 'string' && right.kind === 'string') return compareText(left.value, right.value);
  if (left.kind === 'number' && right.kind === 'number') return compareDecimals(left.value, right.value);
  if (left.kind === 'bool' && right.kind === 'bool') return Number(left.value) - Number(right.value);
  return 0;
}

function toMap(value: Value, element: Type): Converted {
  if (!isMapping(value)) return mismatch(value, { kind: 'map', element });
  if (value.kind === 'map' && sameType(elementTypeOf(value), element)) return { value };
  const names = [...value.entries.keys()];
  const converted = convertItems([...value.entries.values()], element);
  if ('problem' in converted) return converted;
  const entries = names.map((name, at) => [name, converted.items[at] ?? NULL] as const);
  return { value: mapValue(entries, converted.type, value.marks) };
}

function toTuple(value: Value, elements: readonly Type[]): Converted {
  if (!isSequence(value)) return mismatch(value, { kind: 'tuple', elements });
  if (value.items.length !== elements.length) {
    return { problem: `a tuple of ${elements.length} elements is required, not of ${value.items.length}` };
  }
  const items: Value[] = [];
  for (const [at, item] of value.items.entries()) {
    const one = convertTo(item, elements[at] ?? typeOf(item));
    if ('problem' in one) return { problem: `in element ${at}, ${one.problem}` };
    items.push(one.value);
  }
  return { value: tupleValue(items, value.marks) };
}

/** An object lacks attributes as null and loses others; a map must have exactly the attributes as keys. */
function toObject(value: Value, type: ObjectType): Converted {
  if (!isMapping(value)) return mismatch(value, type);
  const { attributes, optional } = type;
  if (value.kind === 'map') {
    const extra = [...value.entries.keys()].find((key) => !attributes.has(key));
    const missing = [...attributes.keys()].find((name) => !value.entries.has(name) && !optional?.has(name));
    if (extra !== undefined)
      return { problem: `the object has no attribute ${quoteName(extra)}, which the map has as a key` };
    if (missing !== undefined)
      return { problem: `the map lacks the key ${quoteName(missing)}, which the object needs` };
  }
  const entries: [string, Value][] = [];
  for (const [name, attribute] of attributes) {
    const one = convertTo(value.entries.get(name) ?? NULL, attribute);
    if ('problem' in one) return { problem: `in attribute ${quoteName(name)}, ${one.problem}` };
    entries.push([name, one.value]);
  }
  return { value: objectValue(entries, value.marks) };
}
