// Functions that find, choose, count, make and order the elements of lists.
import { add, compareDecimals, ZERO } from '../decimal.ts';
import { convertAlike, distinctValues } from '../convert.ts';
import { rangeItemsMax } from '../limits.ts';
import { graphemeCount, compareText } from '../text.ts';
import type { Value } from '../values.ts';
import {
  ANY,
  BOOL,
  boolValue,
  countValue,
  equalValues,
  isMapping,
  isSequence,
  listOf,
  listValue,
  NUMBER,
  numberValue,
  STRING,
  stringValue,
  withMarks,
} from '../values.ts';
import { alikeAt, LIST, numberAt, numbersAt, sequenceAt, textsAt, valueAt } from './arguments.ts';
import type { HclFunction, Parameter } from './function.ts';
import { FunctionProblem } from './function.ts';
import { numberResult } from './numeric.ts';

const BOOLS: Parameter = { name: 'list', type: listOf(BOOL), description: 'a list of bools' };

const isTrue = (item: Value): boolean => item.kind === 'bool' && item.value;

const alltrue: HclFunction = {
  name: 'alltrue',
  description: 'Whether all elements are true; true for an empty list',
  parameters: [BOOLS],
  returns: BOOL,
  marks: 'all',
  examples: [
    { call: 'alltrue(["true", true])', result: 'true' },
    { call: 'alltrue([true, false])', result: 'false' },
  ],
  call: (args) => boolValue(sequenceAt(args, 0).items.every(isTrue)),
};

const anytrue: HclFunction = {
  name: 'anytrue',
  description: 'Whether any element is true; false for an empty list',
  parameters: [BOOLS],
  returns: BOOL,
  marks: 'all',
  examples: [{ call: 'anytrue([true, false])', result: 'true' }],
  call: (args) => boolValue(sequenceAt(args, 0).items.some(isTrue)),
};

/** Of values of one type the first that is wanted, with the marks of those that were passed over. */
function firstOf(
  args: readonly Value[],
  { what, isWanted }: { what: string; isWanted: (value: Value) => boolean },
): Value {
  const alike = convertAlike(args);
  if (!alike) throw new FunctionProblem('all arguments must be of one type, or convertible to one');
  let marks = 0;
  for (const value of alike.values) {
    marks |= value.marks;
    if (isWanted(value)) return withMarks(value, marks);
  }
  throw new FunctionProblem(`there is no argument that is not ${what}`);
}

const coalesce: HclFunction = {
  name: 'coalesce',
  description: 'The first of the values that is neither null nor an empty text',
  parameters: [
    { name: 'values', type: ANY, description: 'values of one type', variadic: true, nullable: true },
  ],
  returns: ANY,
  marks: 'own',
  examples: [
    { call: 'coalesce("", null, "b")', result: '"b"' },
    { call: 'coalesce(1, "hello")', result: '"1"' },
  ],
  call: (args) =>
    firstOf(args, {
      what: 'null or empty',
      isWanted: (value) => value.kind !== 'null' && !(value.kind === 'string' && value.value === ''),
    }),
};

const coalescelist: HclFunction = {
  name: 'coalescelist',
  description: 'The first of the lists that is not empty',
  parameters: [{ ...LIST, name: 'lists', description: 'the lists', variadic: true, nullable: true }],
  returns: listOf(ANY),
  marks: 'own',
  examples: [{ call: 'coalescelist([], ["c", "d"])', result: '["c", "d"]' }],
  call(args) {
    let marks = 0;
    for (const value of args) {
      marks |= value.marks;
      if (isSequence(value) && value.items.length > 0) return withMarks(value, marks);
    }
    throw new FunctionProblem('there is no list that is not null or empty');
  },
};

const compact: HclFunction = {
  name: 'compact',
  description: 'The texts of the list that are neither null nor empty',
  parameters: [{ name: 'list', type: listOf(STRING), description: 'a list of texts' }],
  returns: listOf(STRING),
  marks: 'all',
  examples: [{ call: 'compact(["a", "", "b", null])', result: 'tolist(["a", "b"])' }],
  call: (args) =>
    listValue(
      sequenceAt(args, 0).items.filter((item) => item.kind === 'string' && item.value !== ''),
      STRING,
    ),
};

const contains: HclFunction = {
  name: 'contains',
  description: 'Whether the list has an element equal to the value; as with `==` nothing is converted',
  parameters: [LIST, { name: 'value', type: ANY, description: 'the value to look for', nullable: true }],
  returns: BOOL,
  marks: 'all',
  examples: [
    { call: 'contains(["a", "b"], "a")', result: 'true' },
    { call: 'contains([1, 2], "1")', result: 'false' },
  ],
  call: (args) => boolValue(sequenceAt(args, 0).items.some((item) => equalValues(item, valueAt(args, 1)))),
};

const distinct: HclFunction = {
  name: 'distinct',
  description: 'The elements without those that are equal to an earlier one',
  parameters: [LIST],
  returns: listOf(ANY),
  marks: 'all',
  examples: [{ call: 'distinct(["a", "b", "a", "c"])', result: 'tolist(["a", "b", "c"])' }],
  call(args) {
    const { items, type } = alikeAt(args, 0);
    return listValue(distinctValues(items), type);
  },
};

const index: HclFunction = {
  name: 'index',
  description: 'The position of the first element that is equal to the value',
  parameters: [LIST, { name: 'value', type: ANY, description: 'the value to look for', nullable: true }],
  returns: NUMBER,
  marks: 'all',
  examples: [{ call: 'index(["a", "b", "c"], "b")', result: '1' }],
  call(args) {
    const at = sequenceAt(args, 0).items.findIndex((item) => equalValues(item, valueAt(args, 1)));
    if (at < 0) throw new FunctionProblem('the list has no such element', { argument: 1 });
    return countValue(at);
  },
};

const length: HclFunction = {
  name: 'length',
  description: 'How many elements a collection has, or characters a text',
  parameters: [{ name: 'value', type: ANY, description: 'a list, tuple, set, map, object or text' }],
  returns: NUMBER,
  marks: 'outer',
  examples: [
    { call: 'length(["a", "b"])', result: '2' },
    { call: 'length({ a = "b" })', result: '1' },
    { call: 'length("hello")', result: '5' },
  ],
  call(args, context) {
    const value = valueAt(args, 0);
    if (isSequence(value)) return countValue(value.items.length);
    if (isMapping(value)) return countValue(value.entries.size);
    if (value.kind !== 'string') {
      throw new FunctionProblem('only a text or a collection has a length', { argument: 0 });
    }
    context.charge(value.value.length >> 3);
    return countValue(graphemeCount(value.value));
  },
};

const range: HclFunction = {
  name: 'range',
  description:
    'Numbers from a start (0) up to but not including a limit, in steps of 1, or of -1 toward a limit below the start; ' +
    'written range(limit), range(start, limit) or range(start, limit, step)',
  parameters: [
    { name: 'start', type: NUMBER, description: 'the first number, or the limit when it stands alone' },
    { name: 'limit', type: NUMBER, description: 'where the numbers end', optional: true },
    { name: 'step', type: NUMBER, description: 'the difference of two numbers', optional: true },
  ],
  returns: listOf(NUMBER),
  marks: 'all',
  examples: [
    { call: 'range(3)', result: 'tolist([0, 1, 2])' },
    { call: 'range(1, 4, 0.5)', result: 'tolist([1, 1.5, 2, 2.5, 3, 3.5])' },
    { call: 'range(4, 1)', result: 'tolist([4, 3, 2])' },
  ],
  call(args) {
    const start = args.length > 1 ? numberAt(args, 0) : ZERO;
    const limit = numberAt(args, args.length > 1 ? 1 : 0);
    const isDown = compareDecimals(limit, start) < 0;
    const step = args.length > 2 ? numberAt(args, 2) : { coefficient: isDown ? -1n : 1n, exponent: 0 };
    if (step.coefficient === 0n) throw new FunctionProblem('it must not be zero', { argument: 2 });
    const items: Value[] = [];
    const sign = step.coefficient < 0n ? -1 : 1;
    for (let at = numberValue(start); compareDecimals(at.value, limit) * sign < 0;) {
      if (items.length === rangeItemsMax)
        throw new FunctionProblem(`it gives no more than ${rangeItemsMax} numbers`);
      items.push(at);
      const next = add(at.value, step);
      if (!next) return numberResult(next);
      at = numberValue(next);
    }
    return listValue(items, NUMBER);
  },
};

const sort: HclFunction = {
  name: 'sort',
  description: 'The texts in lexical order of their code points',
  parameters: [{ name: 'list', type: listOf(STRING), description: 'a list of texts' }],
  returns: listOf(STRING),
  marks: 'all',
  examples: [{ call: 'sort(["e", "d", "a", "x"])', result: 'tolist(["a", "d", "e", "x"])' }],
  call(args, context) {
    const texts = textsAt(args, 0);
    context.charge(texts.length * Math.ceil(Math.log2(texts.length + 1)));
    return listValue(
      texts.sort(compareText).map((text) => stringValue(text)),
      STRING,
    );
  },
};

const sum: HclFunction = {
  name: 'sum',
  description: 'The sum of the numbers',
  parameters: [{ name: 'list', type: listOf(NUMBER), description: 'a list of numbers that is not empty' }],
  returns: NUMBER,
  marks: 'all',
  examples: [{ call: 'sum([10, 13, 6, 4.5])', result: '33.5' }],
  call(args) {
    const numbers = numbersAt(args, 0);
    if (numbers.length === 0) throw new FunctionProblem('it is empty', { argument: 0 });
    return numberResult(
      numbers.reduce((total: typeof ZERO | undefined, number) => total && add(total, number), ZERO),
    );
  },
};

export const listFunctions: readonly HclFunction[] = [
  alltrue,
  anytrue,
  coalesce,
  coalescelist,
  compact,
  contains,
  distinct,
  index,
  length,
  range,
  sort,
  sum,
];
