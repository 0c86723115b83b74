// Functions that take lists apart and put them together. Each element keeps the marks that it has.
import type { SequenceValue, Value } from '../values.ts';
import {
  ANY,
  elementTypeOf,
  isSequence,
  listOf,
  listValue,
  NULL,
  NUMBER,
  sameType,
  tupleValue,
  withMarks,
} from '../values.ts';
import { alikeAt, LIST, sequenceAt, wholeAt } from './arguments.ts';
import type { HclFunction } from './function.ts';
import { FunctionProblem } from './function.ts';

const chunklist: HclFunction = {
  name: 'chunklist',
  description:
    'The elements in lists of a size, the last one possibly shorter; a size of 0 gives one list of all',
  parameters: [LIST, { name: 'size', type: NUMBER, description: 'how many elements a chunk has' }],
  returns: listOf(listOf(ANY)),
  marks: 'outer',
  examples: [
    { call: 'chunklist(["a", "b", "c"], 2)', result: 'tolist([tolist(["a", "b"]), tolist(["c"])])' },
  ],
  call(args, context) {
    const { items, type } = alikeAt(args, 0);
    const size = wholeAt(args, 1, { min: 0 }) || items.length;
    context.charge(items.length);
    const count = size === 0 ? 0 : Math.ceil(items.length / size);
    const chunks = Array.from({ length: count }, (_, at) =>
      listValue(items.slice(at * size, (at + 1) * size), type),
    );
    return listValue(chunks, listOf(type));
  },
};

const concat: HclFunction = {
  name: 'concat',
  description: 'The elements of all lists as one list',
  parameters: [{ ...LIST, name: 'lists', description: 'the lists', variadic: true }],
  returns: listOf(ANY),
  marks: 'outer',
  examples: [{ call: 'concat(["a", ""], ["b", "c"])', result: '["a", "", "b", "c"]' }],
  call(args) {
    const lists = args.map((_, at) => sequenceAt(args, at));
    const items = lists.flatMap((list) => list.items.map((item) => withMarks(item, list.marks)));
    const [first] = lists;
    const type = first && elementTypeOf(first);
    const alike = type && lists.every((list) => list.kind !== 'tuple' && sameType(elementTypeOf(list), type));
    return alike ? listValue(items, type) : tupleValue(items);
  },
};

const element: HclFunction = {
  name: 'element',
  description: 'The element at a position; one beyond the end counts on from the start of the list',
  parameters: [LIST, { name: 'index', type: NUMBER, description: 'the position, from 0' }],
  returns: ANY,
  marks: 'outer',
  examples: [
    { call: 'element(["a", "b", "c"], 1)', result: '"b"' },
    { call: 'element(["a", "b", "c"], 3)', result: '"a"' },
  ],
  call(args) {
    const { items } = sequenceAt(args, 0);
    if (items.length === 0) throw new FunctionProblem('it is empty', { argument: 0 });
    const at = wholeAt(args, 1, { min: 0 });
    return items[at % items.length] ?? NULL;
  },
};

const flatten: HclFunction = {
  name: 'flatten',
  description: 'The elements, each one that is itself a list replaced by its elements, at any depth',
  parameters: [LIST],
  returns: listOf(ANY),
  marks: 'outer',
  examples: [{ call: 'flatten([["a", ["b"]], [], ["c"]])', result: '["a", "b", "c"]' }],
  call: (args) => tupleValue(flattened(sequenceAt(args, 0))),
};

function flattened(list: SequenceValue): Value[] {
  return list.items.flatMap((item) => {
    const marked = withMarks(item, list.marks);
    return isSequence(marked) ? flattened(marked) : [marked];
  });
}

const one: HclFunction = {
  name: 'one',
  description: 'The only element of a list, or null when it is empty',
  parameters: [LIST],
  returns: ANY,
  marks: 'outer',
  examples: [
    { call: 'one(["a"])', result: '"a"' },
    { call: 'one([])', result: 'null' },
  ],
  call(args) {
    const { items } = sequenceAt(args, 0);
    if (items.length > 1) throw new FunctionProblem('it has more than one element', { argument: 0 });
    return items[0] ?? NULL;
  },
};

const reverse: HclFunction = {
  name: 'reverse',
  description: 'The elements from last to first',
  parameters: [LIST],
  returns: listOf(ANY),
  marks: 'outer',
  examples: [{ call: 'reverse([1, 2, 3])', result: '[3, 2, 1]' }],
  call(args) {
    const list = sequenceAt(args, 0);
    const items = [...list.items].reverse();
    return list.kind === 'tuple' ? tupleValue(items) : listValue(items, elementTypeOf(list));
  },
};

const slice: HclFunction = {
  name: 'slice',
  description: 'The elements from one position up to but not including another',
  parameters: [
    LIST,
    { name: 'start', type: NUMBER, description: 'the first position' },
    { name: 'end', type: NUMBER, description: 'the position after the last one' },
  ],
  returns: listOf(ANY),
  marks: 'outer',
  examples: [{ call: 'slice(["a", "b", "c", "d"], 1, 3)', result: '["b", "c"]' }],
  call(args) {
    const list = sequenceAt(args, 0);
    const end = wholeAt(args, 2, { min: 0, max: list.items.length });
    const items = list.items.slice(wholeAt(args, 1, { min: 0, max: end }), end);
    return list.kind === 'tuple' ? tupleValue(items) : listValue(items, elementTypeOf(list));
  },
};

export const rearrangeFunctions: readonly HclFunction[] = [
  chunklist,
  concat,
  element,
  flatten,
  one,
  reverse,
  slice,
];
