// Inputs against the schema that agents advertise: cases by hand, two oracles, hostile schemas, exact numbers.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkInputs } from '../../../hcl/agent-file/check-inputs.ts';
import type { InputDefinition } from '../../../hcl/agent-file/definition.ts';
import { defineInputSchema } from '../../../hcl/agent-file/input-schema.ts';
import type { InputJson } from '../../../hcl/agent-file/input-schema.ts';
import { loadAgentFile } from '../../../hcl/agent-file/load.ts';
import { parseJson, stringifyJson } from '../../../protocol/json.ts';

/** The schema of the inputs that a file declares, as it arrives after a trip over the wire. */
function schemaOf(inputs: string): unknown {
  const text = `group "g" {\n  action "a" {\n${inputs}\n    run {\n      command = ["true"]\n    }\n  }\n}\n`;
  const { file, diagnostics } = loadAgentFile([{ name: 'a.hcl', text }]);
  expect(diagnostics).toEqual([]);
  return parseJson(stringifyJson(defineInputSchema(file?.actions[0]?.inputs ?? [])));
}

function problems(inputs: string, given: string): readonly string[] {
  return checkInputs(schemaOf(inputs), parseJson(given) as Record<string, unknown>).map(
    ({ input, code }) => `${input} ${code}`,
  );
}

describe('the advertised schema', () => {
  it('is a JSON Schema object in the order of the file, with sensitivity and every constraint', () => {
    const schema = schemaOf(`
      input "b" { pattern = "^x+$" }
      input "a" {
        type      = number
        min       = -1
        max       = 12345678901234567890
        default   = null
      }
      input "s" {
        sensitive  = true
        min_length = 8
      }
      input "m" {
        type        = map(string)
        options     = ["u", "v"]
        key_pattern = "^k"
        default     = { k = "u" }
      }`);
    expect(stringifyJson(schema)).toBe(
      stringifyJson({
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type: 'object',
        properties: {
          b: { type: 'string', pattern: '^x+$' },
          a: {
            type: ['number', 'null'],
            minimum: -1,
            maximum: JSON.rawJSON('12345678901234567890'),
            default: null,
          },
          s: { type: 'string', minLength: 8, 'x-wayside-sensitive': true },
          m: {
            type: 'object',
            additionalProperties: { type: 'string', enum: ['u', 'v'] },
            propertyNames: { pattern: '^k' },
            default: { k: 'u' },
          },
        },
        required: ['b', 's'],
        additionalProperties: false,
        'x-wayside-order': ['b', 'a', 's', 'm'],
      }),
    );
  });
});

describe('inputs', () => {
  const typed = `
    input "text" {
      pattern    = "^[a-z]+$"
      min_length = 2
      max_length = 3
    }
    input "choice" {
      options = ["a", "b"]
      default = "a"
    }
    input "count" {
      type    = number
      min     = 1
      max     = 9007199254740993
      default = null
    }
    input "yes" {
      type    = bool
      default = false
    }
    input "hosts" {
      type       = list(string)
      pattern    = "^h"
      max_length = 2
      default    = []
    }
    input "labels" {
      type        = map(string)
      key_pattern = "^[a-z]+$"
      default     = {}
    }`;

  it.each<[string, readonly string[]]>([
    ['{"text":"ab"}', []],
    [
      '{"text":"abc","choice":"b","count":9007199254740993,"yes":true,"hosts":["h1","h"],"labels":{"a":""}}',
      [],
    ],
    ['{"text":"ab","count":null}', []],
    ['{"text":"ab","count":1.0}', []],
    ['{"text":"ab","count":1e0}', []],
    ['{}', ['text missing_input']],
    ['{"text":null}', ['text wrong_type']],
    ['{"text":"ab","other":1}', ['other unknown_input']],
    ['{"text":"ab","__proto__":1}', ['__proto__ unknown_input']],
    ['{"text":"ab","constructor":1}', ['constructor unknown_input']],
    ['{"text":"a"}', ['text too_short']],
    ['{"text":"abcd"}', ['text too_long']],
    ['{"text":"aB"}', ['text pattern']],
    ['{"text":"ab\\n"}', ['text pattern']],
    ['{"text":12}', ['text wrong_type']],
    ['{"text":"ab","choice":"c"}', ['choice not_an_option']],
    ['{"text":"ab","choice":null}', ['choice wrong_type']],
    ['{"text":"ab","count":0}', ['count too_small']],
    ['{"text":"ab","count":0.999999999999999999999}', ['count too_small']],
    ['{"text":"ab","count":9007199254740994}', ['count too_large']],
    ['{"text":"ab","count":9007199254740993.0000000000001}', ['count too_large']],
    ['{"text":"ab","count":"1"}', ['count wrong_type']],
    ['{"text":"ab","count":{"rawJSON":"1"}}', ['count wrong_type']],
    ['{"text":"ab","yes":"true"}', ['yes wrong_type']],
    ['{"text":"ab","yes":0}', ['yes wrong_type']],
    ['{"text":"ab","hosts":["h","x","h"]}', ['hosts too_long', 'hosts[1] pattern']],
    ['{"text":"ab","hosts":[1]}', ['hosts[0] wrong_type']],
    ['{"text":"ab","hosts":"h"}', ['hosts wrong_type']],
    ['{"text":"ab","hosts":{"0":"h"}}', ['hosts wrong_type']],
    ['{"text":"ab","labels":{"A":"x"}}', ['labels key 1 pattern']],
    ['{"text":"ab","labels":{"a":null}}', ['labels["a"] wrong_type']],
    ['{"text":"ab","labels":[]}', ['labels wrong_type']],
  ])('%s', (given, expected) => {
    expect(problems(typed, given)).toEqual(expected);
  });

  it('may be a map, and numbers bigints', () => {
    const schema = schemaOf(typed);
    expect(
      checkInputs(
        schema,
        new Map<string, unknown>([
          ['text', 'ab'],
          ['count', 9007199254740993n],
        ]),
      ),
    ).toEqual([]);
    expect(
      checkInputs(
        schema,
        new Map<string, unknown>([
          ['text', 'ab'],
          ['count', 9007199254740994n],
        ]),
      ),
    ).toHaveLength(1);
  });

  it('go unchecked where an action declares none', () => {
    expect(checkInputs(null, { anything: 1 })).toEqual([]);
  });

  it('are counted in characters, and compared in normalization form C as an expression sees them', () => {
    expect(problems('input "a" { max_length = 1 }', '{"a":"\u{1f600}"}')).toEqual([]);
    expect(problems('input "a" { max_length = 1 }', '{"a":"e\u0301"}')).toEqual([]);
    // U+037E, the Greek question mark, is a semicolon in normalization form C.
    expect(problems('input "a" { pattern = "^[^;]$" }', '{"a":"\u037e"}')).toEqual(['a pattern']);
  });

  it('never appear in what is said about them', () => {
    for (const { message } of checkInputs(schemaOf(typed), {
      text: 'Secret!',
      choice: 'Secret!',
      hosts: ['Secret!'],
    })) {
      expect(message).not.toContain('Secret');
    }
  });

  it('meet a pattern in linear time', () => {
    const begin = performance.now();
    expect(problems('input "a" { pattern = "^(a+)+$" }', `{"a":"${'a'.repeat(5_000)}!"}`)).toEqual([
      'a pattern',
    ]);
    expect(performance.now() - begin).toBeLessThan(2_000);
  });
});

describe('a schema that nobody should advertise', () => {
  it.each([
    ['{}'],
    ['{"properties":3}'],
    ['[]'],
    ['"x"'],
    ['{"properties":{"a":3}}'],
    ['{"properties":{"a":{}}}'],
    ['{"properties":{"a":{"type":7}}}'],
    ['{"properties":{"a":{"type":"string","pattern":"("}}}'],
    ['{"properties":{"a":{"type":"string","pattern":7}}}'],
    ['{"properties":{"a":{"type":"string","minLength":"1"}}}'],
    ['{"properties":{"a":{"type":"string","enum":"x"}}}'],
    ['{"properties":{"a":{"type":"string"}},"required":"a"}'],
    [`{"properties":{"a":{"type":"string","pattern":"${'x'.repeat(5_000)}"}}}`],
  ])('%s refuses the inputs', (schema) => {
    expect(checkInputs(JSON.parse(schema), { a: 'x' })).not.toEqual([]);
  });

  it('never makes the checker throw', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 4 }),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (schema, inputs) => {
          checkInputs(schema, inputs);
          checkInputs({ properties: { a: schema } }, { a: inputs });
        },
      ),
    );
  });
});

/** Patterns that RE2 and ECMAScript read alike. */
const patterns = ['^[a-c]+$', 'b', '^(a|bc)*$', '^.{1,2}$'];

const scalar = fc.record(
  {
    pattern: fc.constantFrom(...patterns),
    options: fc.uniqueArray(fc.constantFrom('a', 'bc', 'abc', ''), { minLength: 1 }),
    minLength: fc.nat(2),
    maxLength: fc.integer({ min: 2, max: 4 }),
  },
  { requiredKeys: [] },
);

const definitions: fc.Arbitrary<InputDefinition> = fc
  .record({
    kind: fc.constantFrom('string', 'number', 'bool', 'list', 'map'),
    constraints: scalar,
    min: fc.option(fc.integer({ min: -3, max: 0 }), { nil: undefined }),
    max: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
    keyed: fc.boolean(),
    nullable: fc.boolean(),
  })
  .map(({ kind, constraints, min, max, keyed, nullable }): InputDefinition => {
    const { options, ...lengths } = constraints;
    const texts = {
      ...lengths,
      ...(options && { options: options.map((value) => ({ kind: 'string', value, marks: 0 }) as const) }),
    };
    const numbers = {
      ...(min !== undefined && { min: { coefficient: BigInt(min), exponent: 0 } }),
      ...(max !== undefined && { max: { coefficient: BigInt(max), exponent: 0 } }),
    };
    const common = {
      name: 'x',
      description: '',
      sensitive: false,
      required: !nullable,
      default: nullable ? null : undefined,
    };
    const string = { kind: 'string' } as const;
    if (kind === 'number') return { ...common, type: { kind }, ...numbers };
    if (kind === 'bool') return { ...common, type: { kind } };
    if (kind === 'string') return { ...common, type: string, ...texts };
    return {
      ...common,
      type: { kind: kind as 'list' | 'map', element: string },
      ...texts,
      ...(keyed && kind === 'map' ? { keyPattern: patterns[0]! } : {}),
    };
  });

const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd'), maxLength: 5 });
const values: fc.Arbitrary<InputJson> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer({ min: -5, max: 5 }),
  fc.constantFrom(0.5, -0.5, 2.5),
  text,
  fc.array(text, { maxLength: 5 }),
  fc.dictionary(text, text, { maxKeys: 5 }),
  fc.array(fc.integer(), { maxLength: 2 }),
);

/** What a definition means, told once more and independently of the schema. */
function admits(input: InputDefinition, value: InputJson): boolean {
  const { pattern, options, min, max, minLength = 0, maxLength = Infinity, keyPattern } = input;
  const long = (length: number): boolean => length >= minLength && length <= maxLength;
  const fits = (one: unknown): boolean =>
    typeof one === 'string' &&
    (pattern === undefined || new RegExp(pattern).test(one)) &&
    (options === undefined || options.some((option) => option.kind === 'string' && option.value === one));
  if (value === null) return input.default === null;
  switch (input.type.kind) {
    case 'bool':
      return typeof value === 'boolean';
    case 'number':
      return (
        typeof value === 'number' &&
        (min === undefined || value >= Number(min.coefficient)) &&
        (max === undefined || value <= Number(max.coefficient))
      );
    case 'list':
      return Array.isArray(value) && long(value.length) && value.every(fits);
    case 'map': {
      if (typeof value !== 'object' || Array.isArray(value)) return false;
      const keys = Object.keys(value);
      return (
        long(keys.length) &&
        Object.values(value).every(fits) &&
        keys.every((key) => keyPattern === undefined || new RegExp(keyPattern).test(key))
      );
    }
    default:
      return fits(value) && long((value as string).length);
  }
}

describe('the checker agrees', () => {
  it('with what the definition means', () => {
    fc.assert(
      fc.property(definitions, values, (input, value) => {
        const accepted = checkInputs(defineInputSchema([input]), { x: value }).length === 0;
        expect(accepted).toBe(admits(input, value));
      }),
      { numRuns: 3_000 },
    );
  });

  it("with zod's reading of the same JSON Schema, patterns being alike", () => {
    fc.assert(
      fc.property(definitions, values, (input, value) => {
        // Beside `enum` zod reads no other keyword.
        fc.pre(
          input.options === undefined || (input.pattern ?? input.minLength ?? input.maxLength) === undefined,
        );
        const schema = defineInputSchema([input]);
        const other = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
        const accepted = checkInputs(schema, { x: value }).length === 0;
        expect(accepted).toBe(other.safeParse({ x: value }).success);
      }),
      { numRuns: 1_000 },
    );
  });
});
