import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addSecretInput, parseInputs } from '../../cli/inputs.ts';
import { stringifyJson } from '../../protocol/json.ts';

const schema = {
  type: 'object',
  properties: {
    version: { type: 'string' },
    count: { type: 'number' },
    canary: { type: 'boolean' },
    hosts: { type: 'array' },
    labels: { type: 'object' },
    maybe: { type: ['number', 'null'] },
    token: { type: 'string', 'x-wayside-sensitive': true },
  },
};
const parse = (...pairs: string[]) => stringifyJson(parseInputs(pairs, schema));

test('an input is read by its type', () => {
  expect(parse('version=1.10')).toBe('{"version":"1.10"}');
  expect(parse('version=a=b')).toBe('{"version":"a=b"}');
  expect(parse('version=')).toBe('{"version":""}');
  expect(parse('count=12345678901234567', 'canary=true')).toBe('{"count":12345678901234567,"canary":true}');
  expect(parse('hosts=a,b c')).toBe('{"hosts":["a","b c"]}');
  expect(parse('hosts=["a,b"]')).toBe('{"hosts":["a,b"]}');
  expect(parse('hosts=')).toBe('{"hosts":[]}');
  expect(parse('labels={"a":"b"}')).toBe('{"labels":{"a":"b"}}');
  expect(parse('maybe=null')).toBe('{"maybe":null}');
  expect(parse('unknown=5')).toBe('{"unknown":"5"}');
  expect(stringifyJson(parseInputs(['any=5'], null))).toBe('{"any":"5"}');
});

test('a string is any text, exactly', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(parseInputs([`version=${text}`], schema)['version']).toBe(text);
    }),
  );
});

test('names of prototypes are names', () => {
  expect(parse('__proto__=x', 'constructor=y', 'toString=z')).toBe(
    '{"__proto__":"x","constructor":"y","toString":"z"}',
  );
});

test('what is wrong is said, and no value is repeated', () => {
  expect(() => parse('version')).toThrow('--input takes name=value');
  expect(() => parse('=x')).toThrow('--input takes name=value');
  expect(() => parse('version=a', 'version=b')).toThrow('given twice');
  expect(() => parse('count=hunter2')).toThrow('The input count is of type number; what was given is not.');
});

test('a sensitive input does not stand on a command line', () => {
  expect(() => parse('token=hunter2')).toThrow('give it with --secret token=FILE');
  try {
    parse('token=hunter2');
  } catch (error) {
    expect(String(error)).not.toContain('hunter2');
  }
  const inputs = parseInputs(['version=v1'], schema);
  addSecretInput(inputs, 'token', 'hunter2', schema);
  addSecretInput(inputs, 'count', '17', schema);
  expect(stringifyJson(inputs)).toBe('{"version":"v1","token":"hunter2","count":17}');
  expect(() => addSecretInput(inputs, 'token', 'again', schema)).toThrow('given twice');
});
