// Reading the arguments of a call. The evaluator has converted them to the parameters' types before; what does not
// fit here is a defect of the function's own declaration.
import { isWhole, printDecimal, toBigInt } from '../decimal.ts';
import type { Decimal } from '../decimal.ts';
import { convertAlike } from '../convert.ts';
import type { MappingValue, SequenceValue, Type, Value } from '../values.ts';
import { ANY, elementTypeOf, isMapping, isSequence, listOf, NULL } from '../values.ts';
import type { Parameter } from './function.ts';
import { FunctionProblem } from './function.ts';

/** A parameter for a list, tuple or set of any elements. */
export const LIST: Parameter = {
  name: 'list',
  type: listOf(ANY),
  description: 'a list, tuple or set',
  shape: 'sequence',
};

/** The argument, or null where an optional one was left out. */
export function valueAt(args: readonly Value[], at: number): Value {
  return args[at] ?? NULL;
}

export function textAt(args: readonly Value[], at: number): string {
  const value = args[at];
  if (value?.kind !== 'string') throw new TypeError(`argument ${at} is not a string`);
  return value.value;
}

export function numberAt(args: readonly Value[], at: number): Decimal {
  const value = args[at];
  if (value?.kind !== 'number') throw new TypeError(`argument ${at} is not a number`);
  return value.value;
}

/** A whole number within bounds, as a double. */
export function wholeAt(
  args: readonly Value[],
  at: number,
  { min, max = Number.MAX_SAFE_INTEGER }: { min: number; max?: number },
): number {
  const number = numberAt(args, at);
  const whole = isWhole(number) ? toBigInt(number) : undefined;
  if (whole !== undefined && whole >= BigInt(min) && whole <= BigInt(max)) return Number(whole);
  const bounds = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`;
  const range = min === Number.MIN_SAFE_INTEGER ? '' : ` ${bounds}`;
  throw new FunctionProblem(`it must be a whole number${range}`, {
    argument: at,
    shown: `not ${printDecimal(number)}`,
  });
}

export function sequenceAt(args: readonly Value[], at: number): SequenceValue {
  const value = args[at];
  if (!value || !isSequence(value)) throw new TypeError(`argument ${at} is not a sequence`);
  return value;
}

export function mappingAt(args: readonly Value[], at: number): MappingValue {
  const value = args[at];
  if (!value || !isMapping(value)) throw new TypeError(`argument ${at} is not a mapping`);
  return value;
}

/** The texts of a list of string; a null among them is a problem. */
export function textsAt(args: readonly Value[], at: number): string[] {
  return sequenceAt(args, at).items.map((item, index) => {
    if (item.kind === 'string') return item.value;
    throw new FunctionProblem(`its element ${index} is null`, { argument: at });
  });
}

/** The numbers of a list of number; a null among them is a problem. */
export function numbersAt(args: readonly Value[], at: number): Decimal[] {
  return sequenceAt(args, at).items.map((item, index) => {
    if (item.kind === 'number') return item.value;
    throw new FunctionProblem(`its element ${index} is null`, { argument: at });
  });
}

/** The elements of an argument converted to one type; a problem when there is none. */
export function alikeAt(args: readonly Value[], at: number): { items: readonly Value[]; type: Type } {
  const sequence = sequenceAt(args, at);
  if (sequence.kind !== 'tuple') return { items: sequence.items, type: elementTypeOf(sequence) };
  const alike = convertAlike(sequence.items);
  if (!alike)
    throw new FunctionProblem('its elements must be of one type, or convertible to one', { argument: at });
  return { items: alike.values, type: alike.type };
}
