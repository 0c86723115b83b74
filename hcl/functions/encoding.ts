// Text formats other than CSV and YAML: base64 (RFC 4648), JSON (RFC 8259) and URL encoding (RFC 3986).
import { JsonProblem, valueFromJson } from '../json.ts';
import type { Value } from '../values.ts';
import { ANY, STRING, stringValue } from '../values.ts';
import { textAt, valueAt } from './arguments.ts';
import type { HclFunction } from './function.ts';
import { FunctionProblem } from './function.ts';
import { webSafeJson } from './web-safe-json.ts';

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const BYTES_AT_ONCE = 32_768;

const base64decode: HclFunction = {
  name: 'base64decode',
  description: 'The text whose UTF-8 bytes are encoded in base64',
  parameters: [{ name: 'string', type: STRING, description: 'base64 with padding' }],
  returns: STRING,
  marks: 'all',
  examples: [{ call: 'base64decode("SGVsbG8gV29ybGQ=")', result: '"Hello World"' }],
  call(args) {
    const text = textAt(args, 0).replaceAll('\n', '').replaceAll('\r', '');
    if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
      throw new FunctionProblem('it is not base64 with padding', { argument: 0 });
    }
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    try {
      return stringValue(strictUtf8.decode(bytes));
    } catch {
      throw new FunctionProblem('its bytes are not UTF-8, so they are no text', { argument: 0 });
    }
  },
};

const base64encode: HclFunction = {
  name: 'base64encode',
  description: 'The UTF-8 bytes of the text in base64',
  parameters: [{ name: 'string', type: STRING, description: 'a text' }],
  returns: STRING,
  marks: 'all',
  examples: [{ call: 'base64encode("Hello World")', result: '"SGVsbG8gV29ybGQ="' }],
  call(args) {
    const bytes = utf8.encode(textAt(args, 0));
    const pieces: string[] = [];
    for (let at = 0; at < bytes.length; at += BYTES_AT_ONCE) {
      pieces.push(String.fromCharCode(...bytes.subarray(at, at + BYTES_AT_ONCE)));
    }
    return stringValue(btoa(pieces.join('')));
  },
};

const jsondecode: HclFunction = {
  name: 'jsondecode',
  description: 'The value that a JSON text describes; numbers keep all their digits',
  parameters: [{ name: 'string', type: STRING, description: 'a JSON text' }],
  returns: ANY,
  marks: 'all',
  examples: [
    { call: 'jsondecode("{\\"hello\\": [1, true, null]}")', result: '{ hello = [1, true, null] }' },
    { call: 'tostring(jsondecode("12345678901234567890"))', result: '"12345678901234567890"' },
  ],
  call(args) {
    const text = textAt(args, 0);
    try {
      return valueFromJson(text);
    } catch (error) {
      if (!(error instanceof JsonProblem)) throw error;
      throw new FunctionProblem(`it is not JSON: ${error.message}`, {
        argument: 0,
        shown: placeIn(text, error.offset),
      });
    }
  },
};

/** `line 2, column 5`, columns in UTF-16 units. */
export function placeIn(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
}

const jsonencode: HclFunction = {
  name: 'jsonencode',
  description: 'The value as a JSON text without spaces; <, > and & in texts are written as escapes',
  parameters: [{ name: 'value', type: ANY, description: 'any value', nullable: true }],
  returns: STRING,
  marks: 'all',
  examples: [{ call: 'jsonencode({ hello = ["world", 1] })', result: '"{\\"hello\\":[\\"world\\",1]}"' }],
  call: (args): Value => stringValue(webSafeJson(valueAt(args, 0))),
};

const urlencode: HclFunction = {
  name: 'urlencode',
  description: 'The text so that it can stand in the query of a URL',
  parameters: [{ name: 'string', type: STRING, description: 'a text' }],
  returns: STRING,
  marks: 'all',
  examples: [
    { call: 'urlencode("Hello World!")', result: '"Hello+World%21"' },
    { call: 'urlencode("☃")', result: '"%E2%98%83"' },
  ],
  call(args) {
    const encoded = encodeURIComponent(textAt(args, 0)).replaceAll('%20', '+');
    return stringValue(
      encoded.replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`),
    );
  },
};

export const encodingFunctions: readonly HclFunction[] = [
  base64decode,
  base64encode,
  jsondecode,
  jsonencode,
  urlencode,
];
