// The values that expressions have (hashicorp/hcl, spec.md "HCL Syntax-Agnostic Information Model", "Values").
// Values are immutable. Marks travel with a value through every expression that uses it.
import type { Decimal } from './decimal.ts';

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
}
/** `object` is what `{…}` makes; `map` comes from conversions and functions. Keys are in lexical order. */
export interface MappingValue extends Marked {
  readonly kind: 'object' | 'map';
  readonly entries: ReadonlyMap<string, Value>;
  readonly element?: Type;
}

export type Type =
  | { readonly kind: 'string' | 'number' | 'bool' | 'any' }
  | { readonly kind: 'list' | 'set' | 'map'; readonly element: Type }
  | { readonly kind: 'tuple'; readonly elements: readonly Type[] }
  | { readonly kind: 'object'; readonly attributes: ReadonlyMap<string, Type>; readonly optional?: ReadonlySet<string> };
