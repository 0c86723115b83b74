// Values: how they are made, compared, marked and measured.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyValue } from './any-value.ts';
import { convert } from '../../hcl/convert.ts';
import { valueFromJson, valueToJson, valueToPrettyJson } from '../../hcl/json.ts';
import type { Type, Value } from '../../hcl/values.ts';
import {
  ANY,
  countValue,
  equalValues,
  listOf,
  listValue,
  mapOf,
  marksOf,
  maskSensitive,
  NULL,
  NUMBER,
  numberFromText,
  objectValue,
  sameType,
  SENSITIVE,
  setOf,
  sizeOf,
  STRING,
  stringValue,
  TAINTED,
  tupleValue,
  typeOf,
  visitLeaves,
  withMarksDeep,
  withoutMarks,
} from '../../hcl/values.ts';

describe('making values', () => {
  it('brings text to normalization form C and replaces what is no character', () => {
    expect(stringValue('e\u0301').value).toBe('\u00e9');
    expect(stringValue('a\ud800').value).toBe('a\ufffd');
    expect([...objectValue([['e\u0301', NULL]]).entries.keys()]).toEqual(['\u00e9']);
  });

  it('puts names in the order of their code points and lets the last of equal ones stand', () => {
    const object = objectValue([
      ['b', NULL],
      ['\u{10000}', NULL],
      ['\uffff', NULL],
      ['B', NULL],
      ['b', countValue(1)],
    ]);
    expect([...object.entries.keys()]).toEqual(['B', 'b', '\uffff', '\u{10000}']);
    expect(object.entries.get('b')).toEqual(countValue(1));
  });

  it('reads numbers from text', () => {
    expect(numberFromText('1e3')).toEqual(countValue(1000));
    expect(numberFromText('x')).toBeUndefined();
  });
});

describe('equality', () => {
  it('is an equivalence that JSON text agrees with, for values of one structure', () => {
    fc.assert(
      fc.property(anyValue, anyValue, (left, right) => {
        expect(equalValues(left, left)).toBe(true);
        expect(equalValues(left, right)).toBe(equalValues(right, left));
        expect(equalValues(left, right)).toBe(valueToJson(left) === valueToJson(right));
      }),
    );
  });

  it('does not see marks', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(equalValues(value, withMarksDeep(value, TAINTED))).toBe(true);
      }),
    );
  });

  it('tells collections of other element types apart, also empty ones', () => {
    const empty = (element: Type): Value => listValue([], element);
    expect(equalValues(empty(STRING), empty(STRING))).toBe(true);
    expect(equalValues(empty(STRING), empty(NUMBER))).toBe(false);
    expect(equalValues(empty(STRING), tupleValue([]))).toBe(false);
  });
});

describe('marks', () => {
  it('reach every leaf, and every leaf is visited with the marks of what encloses it', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        visitLeaves(withMarksDeep(value, TAINTED), (leaf, marks) => {
          expect(leaf.marks).toBe(TAINTED);
          expect(marks).toBe(TAINTED);
        });
      }),
    );
    const seen: number[] = [];
    visitLeaves(tupleValue([stringValue('a', TAINTED), NULL], SENSITIVE), (_, marks) => seen.push(marks));
    expect(seen).toEqual([SENSITIVE | TAINTED, SENSITIVE]);
  });

  it('are found inside and taken off outside', () => {
    const value = tupleValue([objectValue([['a', stringValue('x', SENSITIVE)]])], TAINTED);
    expect(marksOf(value)).toBe(SENSITIVE | TAINTED);
    expect(marksOf(withoutMarks(value, TAINTED))).toBe(SENSITIVE);
  });

  it('hide what is sensitive from people', () => {
    const value = objectValue([
      ['a', stringValue('hunter2', SENSITIVE)],
      ['b', tupleValue([countValue(1)], SENSITIVE)],
      ['c', countValue(2, TAINTED)],
    ]);
    expect(valueToJson(maskSensitive(value, '***'))).toBe('{"a":"***","b":"***","c":2}');
  });
});

describe('types', () => {
  it('are those of the values: a value converts to its own type without change', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const converted = convert(value, typeOf(value));
        expect('value' in converted && equalValues(converted.value, value)).toBe(true);
      }),
    );
  });

  it('are compared by structure', () => {
    const types: readonly Type[] = [
      STRING,
      NUMBER,
      ANY,
      listOf(STRING),
      listOf(NUMBER),
      setOf(STRING),
      mapOf(STRING),
      { kind: 'tuple', elements: [STRING] },
      { kind: 'tuple', elements: [STRING, STRING] },
      { kind: 'object', attributes: new Map([['a', STRING]]) },
      { kind: 'object', attributes: new Map([['b', STRING]]) },
      { kind: 'object', attributes: new Map([['a', NUMBER]]) },
    ];
    for (const [at, left] of types.entries()) {
      for (const [other, right] of types.entries()) expect(sameType(left, right)).toBe(at === other);
    }
    expect(sameType(listOf(listOf(STRING)), listOf(listOf(STRING)))).toBe(true);
  });
});

describe('size', () => {
  it('counts shared parts each time, and long text and keys', () => {
    let value: Value = countValue(1);
    for (let depth = 0; depth < 50; depth += 1) value = tupleValue([value, value]);
    expect(sizeOf(value)).toBe(2 ** 51 - 1);
    expect(sizeOf(stringValue('x'.repeat(6_400)))).toBe(101);
    expect(sizeOf(objectValue([['k'.repeat(6_400), NULL]]))).toBe(102);
  });
});

describe('JSON', () => {
  it('holds every value that has no types of its own', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(equalValues(valueFromJson(valueToJson(value)), value)).toBe(true);
      }),
    );
  });

  it('is what JavaScript writes for what JavaScript can hold', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: true }), (json) => {
        expect(JSON.parse(valueToJson(valueFromJson(JSON.stringify(json))))).toEqual(
          JSON.parse(JSON.stringify(json)),
        );
      }),
    );
  });

  it('for people is the same on several lines', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(valueToJson(valueFromJson(valueToPrettyJson(value)))).toBe(valueToJson(value));
      }),
    );
    expect(valueToPrettyJson(valueFromJson('{"a":[1,{}],"b":[]}'))).toBe(
      '{\n  "a": [\n    1,\n    {}\n  ],\n  "b": []\n}',
    );
  });

  it('keeps every digit and every name', () => {
    const text = '{"__proto__":1,"constructor":[12345678901234567890.123456789012345678901],"n":1e2}';
    expect(valueToJson(valueFromJson(text))).toBe(text.replace('1e2', '100'));
  });

  it.each([
    ['', 0],
    ['{', 1],
    ['[1 2]', 3],
    ['[1,]', 3],
    ['{"a" 1}', 5],
    ['{a:1}', 1],
    ['"open', 0],
    ['"\\x"', 0],
    ['"\u0001"', 0],
    ['01', 1],
    ['1.', 1],
    ['-', 0],
    ['+1', 0],
    ['nul', 0],
    ['NaN', 0],
    ['true false', 5],
    ['\u00a01', 0],
  ])('%j is none, and the place is told', (text, offset) => {
    expect(() => valueFromJson(text)).toThrow(expect.objectContaining({ offset }));
  });

  it('accepts what JavaScript accepts and nothing else', () => {
    const soup = fc
      .array(fc.constantFrom(...'{}[],:"\\ 01.-eEatrufnls\n'.split('')), { maxLength: 12 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(soup, fc.json()), (text) => {
        expect(verdict(() => valueFromJson(text))).toBe(verdict(() => JSON.parse(text) as unknown));
      }),
      { numRuns: 5_000 },
    );
  });
});

function verdict(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}
