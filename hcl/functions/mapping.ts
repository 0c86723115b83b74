// Functions on maps and objects. What is made of their elements keeps the marks that each of them has.
import { convert } from '../convert.ts';
import { compareText } from '../text.ts';
import type { MappingValue, Type, Value } from '../values.ts';
import {
  ANY,
  elementTypeOf,
  listOf,
  listValue,
  mapOf,
  mapValue,
  marksOf,
  objectValue,
  sameType,
  STRING,
  stringValue,
  tupleValue,
  withMarks,
} from '../values.ts';
import { mappingAt, sequenceAt, textAt, textsAt } from './arguments.ts';
import type { HclFunction, Parameter } from './function.ts';
import { FunctionProblem } from './function.ts';

const MAP: Parameter = { name: 'map', type: mapOf(ANY), description: 'a map or object', shape: 'mapping' };

const keys: HclFunction = {
  name: 'keys',
  description: 'The keys of the map in lexical order',
  parameters: [MAP],
  returns: listOf(STRING),
  marks: 'outer',
  examples: [{ call: 'keys({ c = 1, a = 2 })', result: '["a", "c"]' }],
  call(args) {
    const map = mappingAt(args, 0);
    const texts = Array.from(map.entries.keys(), (key) => stringValue(key));
    return map.kind === 'map' ? listValue(texts, STRING) : tupleValue(texts);
  },
};

const lookup: HclFunction = {
  name: 'lookup',
  description: 'The element of the map under a key, or a default when there is none',
  parameters: [
    MAP,
    { name: 'key', type: STRING, description: 'the key' },
    { name: 'default', type: ANY, description: 'what to give instead', optional: true, nullable: true },
  ],
  returns: ANY,
  marks: 'own',
  examples: [
    { call: 'lookup({ a = "ay", b = "bee" }, "a", "what?")', result: '"ay"' },
    { call: 'lookup({ a = "ay", b = "bee" }, "c", "what?")', result: '"what?"' },
  ],
  call(args) {
    const map = mappingAt(args, 0);
    const key = textAt(args, 1);
    const found = map.entries.get(key) ?? defaultOf(map, args[2]);
    const marks = map.marks | (args[1]?.marks ?? 0);
    if (found) return withMarks(found, marks);
    throw new FunctionProblem('the map has no such key, and no default is given', {
      argument: 1,
      shown: `"${key}"`,
    });
  },
};

/** The default as an element of the map, where the map has a type for its elements. */
function defaultOf(map: MappingValue, given: Value | undefined): Value | undefined {
  if (!given || map.kind !== 'map') return given;
  const converted = convert(given, elementTypeOf(map));
  if ('value' in converted) return converted.value;
  throw new FunctionProblem('it is not of the type that the elements of the map have', { argument: 2 });
}

const merge: HclFunction = {
  name: 'merge',
  description: 'All maps or objects as one; of equal keys the last stands; null counts as empty',
  parameters: [{ ...MAP, name: 'maps', description: 'the maps or objects', variadic: true, nullable: true }],
  returns: mapOf(ANY),
  marks: 'outer',
  examples: [
    { call: 'merge({ a = "b", c = "d" }, { e = "f", c = "z" })', result: '{ a = "b", c = "z", e = "f" }' },
    { call: 'merge({ a = "b" }, { a = [1, 2] })', result: '{ a = [1, 2] }' },
  ],
  call(args) {
    const maps = args.flatMap((argument, at) => (argument.kind === 'null' ? [] : [mappingAt(args, at)]));
    const entries = maps.flatMap((map) =>
      Array.from(map.entries, ([key, value]) => [key, withMarks(value, map.marks)] as const),
    );
    const type = commonElement(maps);
    return type ? mapValue(entries, type) : objectValue(entries);
  },
};

/** The element type of maps that all have the same one; undefined as soon as one is an object. */
function commonElement(maps: readonly MappingValue[]): Type | undefined {
  const [first] = maps;
  const type = first && elementTypeOf(first);
  return type && maps.every((map) => map.kind === 'map' && sameType(elementTypeOf(map), type))
    ? type
    : undefined;
}

const transpose: HclFunction = {
  name: 'transpose',
  description: 'A map of lists of texts with keys and texts exchanged',
  parameters: [{ name: 'map', type: mapOf(listOf(STRING)), description: 'a map of lists of texts' }],
  returns: mapOf(listOf(STRING)),
  marks: 'all',
  examples: [
    {
      call: 'transpose({ a = ["1", "2"], b = ["2"] })',
      result: 'tomap({ "1" = tolist(["a"]), "2" = tolist(["a", "b"]) })',
    },
  ],
  call(args) {
    const byText = new Map<string, string[]>();
    for (const [key, list] of mappingAt(args, 0).entries) {
      if (list.kind === 'null') throw new FunctionProblem('one of its lists is null', { argument: 0 });
      for (const text of textsAt([list], 0)) {
        const keysOfText = byText.get(text);
        if (keysOfText) keysOfText.push(key);
        else byText.set(text, [key]);
      }
    }
    const entries = Array.from(byText, ([text, found]) => {
      const sorted = found.sort(compareText).map((key) => stringValue(key));
      return [text, listValue(sorted, STRING)] as const;
    });
    return mapValue(entries, listOf(STRING));
  },
};

const values: HclFunction = {
  name: 'values',
  description: 'The elements of the map in the lexical order of their keys',
  parameters: [MAP],
  returns: listOf(ANY),
  marks: 'outer',
  examples: [{ call: 'values({ c = 3, a = 1 })', result: '[1, 3]' }],
  call(args) {
    const map = mappingAt(args, 0);
    const items = [...map.entries.values()];
    return map.kind === 'map' ? listValue(items, elementTypeOf(map)) : tupleValue(items);
  },
};

const zipmap: HclFunction = {
  name: 'zipmap',
  description: 'A map of the keys of one list and the values of another',
  parameters: [
    { name: 'keys', type: listOf(STRING), description: 'the keys' },
    { name: 'values', type: listOf(ANY), description: 'as many values', shape: 'sequence' },
  ],
  returns: mapOf(ANY),
  marks: 'own',
  examples: [{ call: 'zipmap(["a", "b"], [1, 2])', result: '{ a = 1, b = 2 }' }],
  call(args) {
    const names = textsAt(args, 0);
    const list = sequenceAt(args, 1);
    if (names.length !== list.items.length) {
      throw new FunctionProblem(`there are ${names.length} keys and ${list.items.length} values`, {
        argument: 1,
      });
    }
    const entries = list.items.map((value, at) => [names[at] ?? '', value] as const);
    const marks = list.marks | marksOf(sequenceAt(args, 0));
    return list.kind === 'tuple'
      ? objectValue(entries, marks)
      : mapValue(entries, elementTypeOf(list), marks);
  },
};

export const mappingFunctions: readonly HclFunction[] = [keys, lookup, merge, transpose, values, zipmap];
