// The values that expressions have (hashicorp/hcl, spec.md "HCL Syntax-Agnostic Information Model", "Values").
// Values are immutable. Marks travel with a value through every expression that uses it.
import { compareText, wellFormed } from './text.ts';
import { decimal, equalDecimals, parseDecimal } from './decimal.ts';
import type { Decimal } from './decimal.ts';
import { textPerStep } from './limits.ts';

/** Bits of `Value.marks`. SENSITIVE hides a value from people; TAINTED says that someone else chose it. */
export const SENSITIVE = 1;
export const TAINTED = 2;
export type Marks = number;

export type Value = NullValue | BoolValue | NumberValue | StringValue | SequenceValue | MappingValue;

interface Marked {
  readonly marks: Marks;
}

export interface NullValue extends Marked {
  readonly kind: 'null';
}
export interface BoolValue extends Marked {
  readonly kind: 'bool';
  readonly value: boolean;
}
export interface NumberValue extends Marked {
  readonly kind: 'number';
  readonly value: Decimal;
}
/** Always in normalization form C. */
export interface StringValue extends Marked {
  readonly kind: 'string';
  readonly value: string;
}
/** `tuple` is what `[…]` makes; `list` and `set` come from conversions and functions and are of one type. */
export interface SequenceValue extends Marked {
  readonly kind: 'tuple' | 'list' | 'set';
  readonly items: readonly Value[];
  /** The element type of a list or set, which an empty one cannot show. */
  readonly element?: Type;
  /** What `sizeOf` answers; shared parts count each time, so that it bounds every walk over the value. */
  readonly size?: number;
}
/** `object` is what `{…}` makes; `map` comes from conversions and functions. Keys are in lexical order. */
export interface MappingValue extends Marked {
  readonly kind: 'object' | 'map';
  readonly entries: ReadonlyMap<string, Value>;
  readonly element?: Type;
  readonly size?: number;
}

export type Type =
  | { readonly kind: 'string' | 'number' | 'bool' | 'any' }
  | { readonly kind: 'list' | 'set' | 'map'; readonly element: Type }
  | { readonly kind: 'tuple'; readonly elements: readonly Type[] }
  | {
      readonly kind: 'object';
      readonly attributes: ReadonlyMap<string, Type>;
      readonly optional?: ReadonlySet<string>;
    };

export const STRING: Type = { kind: 'string' };
export const NUMBER: Type = { kind: 'number' };
export const BOOL: Type = { kind: 'bool' };
/** The dynamic pseudo-type: what null has, and what a parameter of any type accepts. */
export const ANY: Type = { kind: 'any' };

export function listOf(element: Type): Type {
  return { kind: 'list', element };
}

export function setOf(element: Type): Type {
  return { kind: 'set', element };
}

export function mapOf(element: Type): Type {
  return { kind: 'map', element };
}

export const NULL: NullValue = { kind: 'null', marks: 0 };
export const TRUE: BoolValue = { kind: 'bool', value: true, marks: 0 };
export const FALSE: BoolValue = { kind: 'bool', value: false, marks: 0 };

export function boolValue(value: boolean, marks: Marks = 0): BoolValue {
  if (marks === 0) return value ? TRUE : FALSE;
  return { kind: 'bool', value, marks };
}

/** The text in normalization form C; a lone surrogate becomes U+FFFD, as no UTF-8 text can hold one. */
export function stringValue(value: string, marks: Marks = 0): StringValue {
  return { kind: 'string', value: wellFormed(value), marks };
}

export function numberValue(value: Decimal, marks: Marks = 0): NumberValue {
  return { kind: 'number', value, marks };
}

/** For whole numbers that the program itself counts; any other double is a defect of the caller. */
export function countValue(count: number, marks: Marks = 0): NumberValue {
  const value = decimal(BigInt(count));
  if (!value) throw new RangeError(`not a number that can be counted: ${count}`);
  return numberValue(value, marks);
}

/** A number from its source text, with all digits; undefined when the text is none or beyond the limits. */
export function numberFromText(text: string, marks: Marks = 0): NumberValue | undefined {
  const value = parseDecimal(text);
  return value ? numberValue(value, marks) : undefined;
}

export function tupleValue(items: readonly Value[], marks: Marks = 0): SequenceValue {
  return { kind: 'tuple', items, marks, size: totalSize(items) };
}

/** The items are all of the `element` type: `convert` makes them so. */
export function listValue(items: readonly Value[], element: Type, marks: Marks = 0): SequenceValue {
  return { kind: 'list', items, element, marks, size: totalSize(items) };
}

/** The items are distinct, of the `element` type and in the order that the set shows: `convert` makes them so. */
export function setValue(items: readonly Value[], element: Type, marks: Marks = 0): SequenceValue {
  return { kind: 'set', items, element, marks, size: totalSize(items) };
}

/** Of two entries with one name the later stands. */
export function objectValue(entries: Iterable<readonly [string, Value]>, marks: Marks = 0): MappingValue {
  const sorted = sortedEntries(entries);
  return { kind: 'object', entries: sorted, marks, size: mappingSize(sorted) };
}

/** Of two entries with one key the later stands. The values are all of the `element` type. */
export function mapValue(
  entries: Iterable<readonly [string, Value]>,
  element: Type,
  marks: Marks = 0,
): MappingValue {
  const sorted = sortedEntries(entries);
  return { kind: 'map', entries: sorted, element, marks, size: mappingSize(sorted) };
}

function sortedEntries(entries: Iterable<readonly [string, Value]>): ReadonlyMap<string, Value> {
  const byName = new Map<string, Value>();
  let last: string | undefined;
  let inOrder = true;
  for (const [name, value] of entries) {
    const key = wellFormed(name);
    byName.set(key, value);
    if (last !== undefined && compareText(last, key) > 0) inOrder = false;
    last = key;
  }
  return inOrder ? byName : new Map([...byName].sort((a, b) => compareText(a[0], b[0])));
}

/** How much there is of a value: one for each value in it, and its text by `textPerStep`. */
export function sizeOf(value: Value): number {
  switch (value.kind) {
    case 'null':
    case 'bool':
    case 'number':
      return 1;
    case 'string':
      return 1 + Math.floor(value.value.length / textPerStep);
    case 'tuple':
    case 'list':
    case 'set':
      return value.size ?? totalSize(value.items);
    case 'object':
    case 'map':
      return value.size ?? mappingSize(value.entries);
  }
}

function totalSize(items: readonly Value[]): number {
  let size = 1;
  for (const item of items) size += sizeOf(item);
  return size;
}

function mappingSize(entries: ReadonlyMap<string, Value>): number {
  let size = 1;
  for (const [key, value] of entries) size += sizeOf(value) + Math.floor(key.length / textPerStep);
  return size;
}

export function isSequence(value: Value): value is SequenceValue {
  return value.kind === 'tuple' || value.kind === 'list' || value.kind === 'set';
}

export function isMapping(value: Value): value is MappingValue {
  return value.kind === 'object' || value.kind === 'map';
}

/** The values directly inside a value, in order; none for a primitive. */
export function childrenOf(value: Value): Iterable<Value> {
  if (isSequence(value)) return value.items;
  return isMapping(value) ? value.entries.values() : [];
}

/** The value with these marks besides its own; the values inside it get them when they are taken out. */
export function withMarks<T extends Value>(value: T, marks: Marks): T {
  return (value.marks | marks) === value.marks ? value : { ...value, marks: value.marks | marks };
}

/** The value without these marks; the values inside it keep theirs. */
export function withoutMarks<T extends Value>(value: T, marks: Marks): T {
  return (value.marks & marks) === 0 ? value : { ...value, marks: value.marks & ~marks };
}

/** The value and every value inside it with these marks besides their own. */
export function withMarksDeep(value: Value, marks: Marks): Value {
  if (isSequence(value)) {
    return withMarks({ ...value, items: value.items.map((item) => withMarksDeep(item, marks)) }, marks);
  }
  if (isMapping(value)) {
    const entries = [...value.entries].map(([key, entry]) => [key, withMarksDeep(entry, marks)] as const);
    return withMarks({ ...value, entries: new Map(entries) }, marks);
  }
  return withMarks(value, marks);
}

/** All marks of the value and of every value inside it. */
export function marksOf(value: Value): Marks {
  let marks = value.marks;
  for (const child of childrenOf(value)) marks |= marksOf(child);
  return marks;
}

/** Visits every string, number, bool and null in a value, with its own marks and those of what encloses it. */
export function visitLeaves(
  value: Value,
  visit: (leaf: Value, marks: Marks) => void,
  outer: Marks = 0,
): void {
  const marks = value.marks | outer;
  if (!isSequence(value) && !isMapping(value)) visit(value, marks);
  for (const child of childrenOf(value)) visitLeaves(child, visit, marks);
}

/** The value with a text in place of everything sensitive in it: what people are shown. */
export function maskSensitive(value: Value, mask: string): Value {
  if ((value.marks & SENSITIVE) !== 0) return stringValue(mask);
  if (isSequence(value)) return tupleValue(value.items.map((item) => maskSensitive(item, mask)));
  if (!isMapping(value)) return value;
  return objectValue(Array.from(value.entries, ([key, entry]) => [key, maskSensitive(entry, mask)] as const));
}

/** The type of a value. A null has the dynamic pseudo-type. */
export function typeOf(value: Value): Type {
  switch (value.kind) {
    case 'null':
      return ANY;
    case 'bool':
      return BOOL;
    case 'number':
      return NUMBER;
    case 'string':
      return STRING;
    case 'tuple':
      return { kind: 'tuple', elements: value.items.map(typeOf) };
    case 'object':
      return {
        kind: 'object',
        attributes: new Map([...value.entries].map(([key, entry]) => [key, typeOf(entry)])),
      };
    case 'list':
    case 'set':
    case 'map':
      return { kind: value.kind, element: elementTypeOf(value) };
  }
}

/** The element type of a list, set or map; of one that does not say it, the type of its first element. */
export function elementTypeOf(value: SequenceValue | MappingValue): Type {
  if (value.element) return value.element;
  for (const child of childrenOf(value)) return typeOf(child);
  return ANY;
}

/** Identical types, as `==` demands them. */
export function sameType(left: Type, right: Type): boolean {
  if (left === right) return true;
  switch (left.kind) {
    case 'list':
    case 'set':
    case 'map':
      return left.kind === right.kind && sameType(left.element, right.element);
    case 'tuple':
      return (
        right.kind === 'tuple' &&
        left.elements.length === right.elements.length &&
        left.elements.every((element, at) => sameType(element, right.elements[at] ?? ANY))
      );
    case 'object':
      return right.kind === 'object' && sameAttributes(left.attributes, right.attributes);
    default:
      return left.kind === right.kind;
  }
}

function sameAttributes(left: ReadonlyMap<string, Type>, right: ReadonlyMap<string, Type>): boolean {
  if (left.size !== right.size) return false;
  for (const [name, type] of left) {
    const other = right.get(name);
    if (!other || !sameType(type, other)) return false;
  }
  return true;
}

/** Equal as `==` has it: of identical types, and the same values. Never converts. Marks do not matter. */
export function equalValues(left: Value, right: Value): boolean {
  switch (left.kind) {
    case 'null':
      return right.kind === 'null';
    case 'bool':
    case 'string':
      return left.kind === right.kind && left.value === right.value;
    case 'number':
      return right.kind === 'number' && equalDecimals(left.value, right.value);
    case 'tuple':
      return left.kind === right.kind && equalItems(left.items, right.items);
    case 'list':
    case 'set':
      return left.kind === right.kind && sameElement(left, right) && equalItems(left.items, right.items);
    case 'object':
      return left.kind === right.kind && equalEntries(left.entries, right.entries);
    case 'map':
      return (
        left.kind === right.kind && sameElement(left, right) && equalEntries(left.entries, right.entries)
      );
  }
}

function sameElement(left: SequenceValue | MappingValue, right: SequenceValue | MappingValue): boolean {
  return sameType(elementTypeOf(left), elementTypeOf(right));
}

function equalItems(left: readonly Value[], right: readonly Value[]): boolean {
  return left.length === right.length && left.every((item, at) => equalValues(item, right[at] ?? NULL));
}

function equalEntries(left: ReadonlyMap<string, Value>, right: ReadonlyMap<string, Value>): boolean {
  if (left.size !== right.size) return false;
  for (const [key, value] of left) {
    const other = right.get(key);
    if (!other || !equalValues(value, other)) return false;
  }
  return true;
}
