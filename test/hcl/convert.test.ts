// Conversion and unification, as laws that hold for all values and types.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convert, convertAlike, distinctSet } from '../../hcl/convert.ts';
import { unify, unifyAsCollection } from '../../hcl/unify.ts';
import type { Type, Value } from '../../hcl/values.ts';
import {
  ANY,
  BOOL,
  countValue,
  equalValues,
  listOf,
  listValue,
  mapOf,
  mapValue,
  marksOf,
  NULL,
  NUMBER,
  objectValue,
  sameType,
  SENSITIVE,
  setOf,
  STRING,
  stringValue,
  tupleValue,
  typeOf,
} from '../../hcl/values.ts';
import { anyValue } from './any-value.ts';

const { type: anyType } = fc.letrec<{ type: Type }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Type>(STRING, NUMBER, BOOL, ANY),
    tie('type').map(listOf),
    tie('type').map(setOf),
    tie('type').map(mapOf),
    fc.array(tie('type'), { maxLength: 3 }).map((elements): Type => ({ kind: 'tuple', elements })),
    fc
      .array(fc.tuple(fc.constantFrom('a', 'b', '__proto__'), tie('type')), { maxLength: 3 })
      .map((attributes): Type => ({ kind: 'object', attributes: new Map(attributes) })),
  ),
}));

/** Whether a type says everything, so that a conversion must give exactly it. */
function isConcrete(type: Type): boolean {
  if (type.kind === 'any') return false;
  if (type.kind === 'tuple') return type.elements.every(isConcrete);
  if (type.kind === 'object') return [...type.attributes.values()].every(isConcrete);
  return 'element' in type ? isConcrete(type.element) : true;
}

function hasNull(value: Value): boolean {
  if (value.kind === 'null') return true;
  if ('items' in value) return value.items.some(hasNull);
  return 'entries' in value && [...value.entries.values()].some(hasNull);
}

describe('convert', () => {
  it('gives a value of exactly the type, or says why not', () => {
    fc.assert(
      fc.property(anyValue, anyType, (value, type) => {
        const converted = convert(value, type);
        if ('problem' in converted) {
          expect(converted.problem).not.toBe('');
        } else if (isConcrete(type) && !hasNull(converted.value)) {
          expect(sameType(typeOf(converted.value), type)).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(anyValue, anyType, (value, type) => {
        const once = convert(value, type);
        fc.pre('value' in once);
        const twice = convert(once.value, type);
        expect('value' in twice && equalValues(twice.value, once.value)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('lets every null be a null of every type', () => {
    fc.assert(
      fc.property(anyType, (type) => {
        expect(convert(NULL, type)).toEqual({ value: NULL });
      }),
    );
  });

  it('says nothing of a sensitive value', () => {
    const secret = objectValue([['hunter2', stringValue('Tr0ub4dor', SENSITIVE)]], SENSITIVE);
    for (const type of [
      NUMBER,
      listOf(STRING),
      mapOf(NUMBER),
      { kind: 'object', attributes: new Map([['hunter2', NUMBER]]) },
    ] as const) {
      const converted = convert(secret, type);
      expect('problem' in converted && /hunter2|Tr0ub4dor/.test(converted.problem)).toBe(false);
      expect('problem' in converted).toBe(true);
    }
  });

  it('turns a map into an object only when the keys are the attributes', () => {
    const type: Type = {
      kind: 'object',
      attributes: new Map([
        ['a', STRING],
        ['b', STRING],
      ]),
      optional: new Set(['b']),
    };
    const map = (...keys: string[]): Value =>
      mapValue(
        keys.map((key) => [key, stringValue(key)] as const),
        STRING,
      );
    expect('value' in convert(map('a', 'b'), type)).toBe(true);
    expect('value' in convert(map('a'), type)).toBe(true);
    expect('value' in convert(map('b'), type)).toBe(false);
    expect('value' in convert(map('a', 'b', 'c'), type)).toBe(false);
  });

  it('gives an object the attributes that it lacks as null, and takes away others', () => {
    const type: Type = { kind: 'object', attributes: new Map([['a', STRING]]) };
    expect(convert(objectValue([['x', NULL]]), type)).toEqual({ value: objectValue([['a', NULL]]) });
  });

  it('makes a set of distinct elements that has the marks of all', () => {
    const set = distinctSet([stringValue('b'), stringValue('a', SENSITIVE), stringValue('b')], STRING);
    expect(set.items.map((item) => item.kind === 'string' && item.value)).toEqual(['a', 'b']);
    expect(marksOf(set)).toBe(SENSITIVE);
    expect(set.marks).toBe(SENSITIVE);
  });
});

describe('unify', () => {
  it('does not depend on the order, and is at home with itself', () => {
    fc.assert(
      fc.property(fc.array(anyType, { minLength: 1, maxLength: 3 }), (types) => {
        const forward = unify(types);
        const backward = unify([...types].reverse());
        expect(forward === undefined).toBe(backward === undefined);
        if (forward && backward) {
          expect(sameType(forward, backward)).toBe(true);
          expect(unify([forward, forward])).toEqual(forward);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('finds a type for values that convert to it', () => {
    fc.assert(
      fc.property(fc.array(anyValue, { maxLength: 3 }), (values) => {
        const alike = convertAlike(values);
        fc.pre(alike !== undefined);
        for (const value of alike.values) {
          const again = convert(value, alike.type);
          expect('value' in again && equalValues(again.value, value)).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  const object = (attributes: Record<string, Type>): Type => ({
    kind: 'object',
    attributes: new Map(Object.entries(attributes)),
  });
  const tuple = (...elements: Type[]): Type => ({ kind: 'tuple', elements });
  it.each<[string, readonly Type[], Type | undefined]>([
    ['number and string', [NUMBER, STRING], STRING],
    ['bool and string', [BOOL, STRING], STRING],
    ['number, bool and string', [NUMBER, BOOL, STRING], STRING],
    ['number and bool', [NUMBER, BOOL], undefined],
    ['lists', [listOf(NUMBER), listOf(STRING)], listOf(STRING)],
    ['list and set', [listOf(NUMBER), setOf(STRING)], listOf(STRING)],
    ['sets', [setOf(NUMBER), setOf(NUMBER)], setOf(NUMBER)],
    ['map and object', [mapOf(NUMBER), object({ a: STRING })], object({ a: STRING })],
    ['list and tuple', [listOf(NUMBER), tuple(STRING)], tuple(STRING)],
    ['objects', [object({ a: NUMBER }), object({ b: STRING })], object({ a: NUMBER, b: STRING })],
    [
      'objects with an attribute in common',
      [object({ a: NUMBER }), object({ a: STRING })],
      object({ a: STRING }),
    ],
    ['objects that disagree', [object({ a: NUMBER }), object({ a: listOf(STRING) })], undefined],
    ['tuples of one length', [tuple(NUMBER, BOOL), tuple(STRING, BOOL)], tuple(STRING, BOOL)],
    ['tuples of several lengths', [tuple(NUMBER), tuple(STRING, NUMBER)], listOf(STRING)],
    ['nothing known', [ANY, ANY], ANY],
    ['something known', [ANY, NUMBER], NUMBER],
    ['a primitive and a collection', [STRING, listOf(STRING)], undefined],
    ['a sequence and a mapping', [listOf(STRING), mapOf(STRING)], undefined],
    ['nothing at all', [], ANY],
  ])('%s', (_, types, expected) => {
    expect(unify(types)).toEqual(expected);
  });

  it('has a collection for structural types that do not fit', () => {
    expect(unifyAsCollection([mapOf(NUMBER), object({ a: STRING })])).toEqual(mapOf(STRING));
    expect(unifyAsCollection([listOf(NUMBER), tuple(STRING)])).toEqual(listOf(STRING));
    expect(unifyAsCollection([STRING])).toBeUndefined();
    const values = [listValue([countValue(1), countValue(2)], NUMBER), tupleValue([])];
    expect(convertAlike(values)?.type).toEqual(listOf(NUMBER));
  });
});
