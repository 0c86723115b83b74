// Functions on sets. Lists and tuples become sets first, all of one element type.
import { convertAlike, distinctSet } from '../convert.ts';
import type { SequenceValue, Type, Value } from '../values.ts';
import { ANY, elementTypeOf, listOf, listValue, setOf, tupleValue, withMarks } from '../values.ts';
import { sequenceAt } from './arguments.ts';
import type { CallContext, HclFunction, Parameter } from './function.ts';
import { FunctionProblem } from './function.ts';
import { valueToJson } from '../json.ts';

const SET: Parameter = {
  name: 'set',
  type: setOf(ANY),
  description: 'a set, list or tuple',
  shape: 'sequence',
};
const SETS: Parameter = { ...SET, name: 'sets', description: 'sets, lists or tuples', variadic: true };

/** The elements of each argument, all converted to one type. */
function elementsAlike(args: readonly Value[]): { lists: readonly (readonly Value[])[]; type: Type } {
  const lists = args.map((_, at) => sequenceAt(args, at).items);
  const alike = convertAlike(lists.flat());
  if (!alike)
    throw new FunctionProblem('all elements of the sets must be of one type, or convertible to one');
  let from = 0;
  const split = lists.map((list) => {
    from += list.length;
    return alike.values.slice(from - list.length, from);
  });
  return { lists: split, type: typeOfAlike(args, alike.type) };
}

/** An empty set still knows its type. */
function typeOfAlike(args: readonly Value[], type: Type): Type {
  if (type.kind !== 'any') return type;
  return args.map((_, at) => elementTypeOf(sequenceAt(args, at))).find(({ kind }) => kind !== 'any') ?? type;
}

const keysOf = (list: readonly Value[]): Set<string> => new Set(list.map(valueToJson));

const setintersection: HclFunction = {
  name: 'setintersection',
  description: 'The elements that all sets have',
  parameters: [SET, SETS],
  returns: setOf(ANY),
  marks: 'all',
  examples: [{ call: 'setintersection(["a", "b"], ["b", "c"], ["b", "d"])', result: 'toset(["b"])' }],
  call(args) {
    const { lists, type } = elementsAlike(args);
    const [first = [], ...others] = lists;
    const keys = others.map(keysOf);
    const shared = first.filter((item) => keys.every((set) => set.has(valueToJson(item))));
    return distinctSet(shared, type);
  },
};

const setsubtract: HclFunction = {
  name: 'setsubtract',
  description: 'The elements of the first set that the second one does not have',
  parameters: [SET, { ...SET, name: 'subtracted', description: 'the elements to leave out' }],
  returns: setOf(ANY),
  marks: 'all',
  examples: [{ call: 'setsubtract(["a", "b", "c"], ["a", "c"])', result: 'toset(["b"])' }],
  call(args) {
    const { lists, type } = elementsAlike(args);
    const [first = [], second = []] = lists;
    const unwanted = keysOf(second);
    return distinctSet(
      first.filter((item) => !unwanted.has(valueToJson(item))),
      type,
    );
  },
};

const setunion: HclFunction = {
  name: 'setunion',
  description: 'The elements that any of the sets has',
  parameters: [SET, SETS],
  returns: setOf(ANY),
  marks: 'all',
  examples: [{ call: 'setunion(["a", "b"], ["b", "c"], ["d"])', result: 'toset(["a", "b", "c", "d"])' }],
  call(args) {
    const { lists, type } = elementsAlike(args);
    return distinctSet(lists.flat(), type);
  },
};

const setproduct: HclFunction = {
  name: 'setproduct',
  description: 'All combinations of one element of each set; a list when all are lists, else a set',
  parameters: [SET, { ...SET, name: 'second', description: 'another set, list or tuple' }, SETS],
  returns: listOf(ANY),
  marks: 'all',
  examples: [
    { call: 'setproduct(["a", "b"], [1])', result: 'tolist([["a", 1], ["b", 1]])' },
    { call: 'setproduct(["a", "b"], [])', result: 'tolist([])' },
  ],
  call(args, context) {
    const factors = args.map((_, at) => alikeItems(sequenceAt(args, at), at));
    const element: Type = { kind: 'tuple', elements: factors.map(({ type }) => type) };
    const rows = combine(
      factors.map(({ items }) => items),
      context,
    );
    const tuples = rows.map((row) => tupleValue(row));
    const isList = args.every((_, at) => sequenceAt(args, at).kind !== 'set');
    return isList ? listValue(tuples, element) : distinctSet(tuples, element);
  },
};

function alikeItems(list: SequenceValue, at: number): { items: readonly Value[]; type: Type } {
  const alike = convertAlike(list.items);
  if (!alike)
    throw new FunctionProblem('its elements must be of one type, or convertible to one', { argument: at });
  return { items: alike.values.map((item) => withMarks(item, list.marks)), type: alike.type };
}

function combine(
  factors: readonly (readonly Value[])[],
  context: CallContext,
): readonly (readonly Value[])[] {
  let rows: readonly (readonly Value[])[] = [[]];
  for (const items of factors) {
    context.charge(rows.length * items.length * factors.length);
    rows = rows.flatMap((row) => items.map((item) => [...row, item]));
  }
  return rows;
}

export const setFunctions: readonly HclFunction[] = [setintersection, setproduct, setsubtract, setunion];
