// JSON without loss, and its canonical form.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, parseJson, stringifyJson } from '../../protocol/json.ts';
import { jsonDepthMax } from '../../protocol/limits.ts';

test('a number that a double cannot hold comes out digit for digit', () => {
  for (const digits of [
    '12345678901234567',
    '0.1000000000000000055511151231257827',
    '1e400',
    '-0',
    '100000000000000000000',
  ]) {
    expect(stringifyJson(parseJson(`{"n":${digits}}`))).toBe(`{"n":${digits}}`);
  }
});

test('every number comes out digit for digit, wherever it stands', () => {
  const digits = fc.oneof(
    fc.stringMatching(/^-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,6})?([eE][+-]?[0-9]{1,3})?$/),
    fc.integer().map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => JSON.stringify(number)),
  );
  const numbers = fc.array(digits, { minLength: 1, maxLength: 4 });
  const text = fc
    .tuple(numbers, fc.constantFrom('', ' ', '\n\t '), fc.string())
    .chain(([all, gap, name]) =>
      fc.constantFrom(
        `${gap}${all[0] ?? ''}${gap}`,
        `[${gap}${all.join(`${gap},${gap}`)}${gap}]`,
        `{${all.map((number, index) => `${JSON.stringify(`${index}${name}`)}${gap}:${gap}${number}`).join(',')}}`,
        `[[${JSON.stringify(name)},{"a":[${all.join(',')}]}]]`,
      ),
    );
  // The engine tells the source of a number only to a reviver, which sees every one of them here.
  const sources = (json: string): string[] => {
    const found: string[] = [];
    JSON.parse(json, (_key, member, { source }) => {
      if (typeof member === 'number') found.push(source ?? '');
      return member as unknown;
    });
    return found;
  };
  fc.assert(
    fc.property(text, (json) => {
      expect(sources(stringifyJson(parseJson(json)))).toEqual(sources(json));
    }),
    { numRuns: 3_000 },
  );
});

test('reading and writing any JSON value gives the same value', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(JSON.parse(stringifyJson(parseJson(text)))).toEqual(JSON.parse(text));
    }),
  );
});

test('bad syntax and bottomless nesting are refused with a code', () => {
  expect(() => parseJson('{"a":')).toThrowError(expect.objectContaining({ code: 'invalid_json' }));
  const deep = '['.repeat(jsonDepthMax + 1) + ']'.repeat(jsonDepthMax + 1);
  expect(() => parseJson(deep)).toThrowError(expect.objectContaining({ code: 'invalid_json' }));
  expect(() => parseJson('['.repeat(100_000))).toThrowError(
    expect.objectContaining({ code: 'invalid_json' }),
  );
});

test('the canonical form sorts members by code units and has no white space (RFC 8785, section 3.2.3)', () => {
  const text =
    '{"\\u20ac":"Euro","\\r":"CR","1":"One","\\ud83d\\ude02":"Smiley","\\u00f6":"o","\\ufb33":"Dagesh"}';
  const order = canonicalJson(JSON.parse(text)).match(/(?<=:")[A-Za-z]+/g);
  expect(order).toEqual(['CR', 'One', 'o', 'Euro', 'Smiley', 'Dagesh']);
  expect(canonicalJson({ b: [1, { d: null, c: true }], a: 'x' })).toBe(
    '{"a":"x","b":[1,{"c":true,"d":null}]}',
  );
});

test('the canonical form does not depend on the order of members', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
      const reversed = Object.fromEntries(Object.entries(object).reverse());
      expect(canonicalJson(reversed)).toBe(canonicalJson(object));
    }),
  );
});
