// JSON text to values and back with every digit (RFC 8259): numbers are read by their source text and written in
// full, never through a double. Names such as `__proto__` are names like any other.
import { printDecimal } from './decimal.ts';
import { valueDepthMax } from './limits.ts';
import type { Value } from './values.ts';
import {
  boolValue,
  isMapping,
  isSequence,
  NULL,
  numberFromText,
  objectValue,
  stringValue,
  tupleValue,
} from './values.ts';

/** Why a text is not JSON that a value can hold, and where: a UTF-16 offset. The reason quotes nothing. */
export class JsonProblem extends Error {
  readonly offset: number;

  constructor(reason: string, offset: number) {
    super(reason);
    this.offset = offset;
  }
}

/** The value as JSON without spaces, keys in lexical order; a set is an array in the order that it shows. */
export function valueToJson(value: Value): string {
  switch (value.kind) {
    case 'null':
      return 'null';
    case 'bool':
      return value.value ? 'true' : 'false';
    case 'number':
      return printDecimal(value.value);
    case 'string':
      return JSON.stringify(value.value);
    case 'tuple':
    case 'list':
    case 'set':
      return `[${value.items.map(valueToJson).join(',')}]`;
    case 'object':
    case 'map':
      return `{${[...value.entries].map(([key, entry]) => `${JSON.stringify(key)}:${valueToJson(entry)}`).join(',')}}`;
  }
}

/** The value as JSON for people: two spaces a level, empty collections on one line. */
export function valueToPrettyJson(value: Value, indent = ''): string {
  const inner = `${indent}  `;
  const lines = (open: string, items: readonly string[], close: string): string =>
    items.length === 0
      ? open + close
      : `${open}\n${items.map((item) => inner + item).join(',\n')}\n${indent}${close}`;
  if (isSequence(value))
    return lines(
      '[',
      value.items.map((item) => valueToPrettyJson(item, inner)),
      ']',
    );
  if (!isMapping(value)) return valueToJson(value);
  const entries = [...value.entries].map(
    ([key, entry]) => `${JSON.stringify(key)}: ${valueToPrettyJson(entry, inner)}`,
  );
  return lines('{', entries, '}');
}

/**
 * Reads one JSON text: arrays become tuples and objects objects, of equal names the last stands.
 * Throws a JsonProblem for anything else, for depth beyond `valueDepthMax` and for numbers beyond their limits.
 */
export function valueFromJson(text: string): Value {
  const reader: Reader = { text, at: 0 };
  skipSpace(reader);
  const value = readValue(reader, 0);
  skipSpace(reader);
  if (reader.at < text.length)
    throw new JsonProblem('there is something after the end of the value', reader.at);
  return value;
}

interface Reader {
  readonly text: string;
  at: number;
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER_TEXT = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PLAIN_STRING = /"[^"\\\x00-\x1f]*"/y;
const WORD = /true|false|null/y;

/** Moves past the pattern if it stands here and returns the text of it. */
function take(reader: Reader, pattern: RegExp): string | undefined {
  pattern.lastIndex = reader.at;
  const match = pattern.exec(reader.text)?.[0];
  if (match !== undefined) reader.at += match.length;
  return match;
}

function skipSpace(reader: Reader): void {
  take(reader, SPACE);
}

function readValue(reader: Reader, depth: number): Value {
  if (depth > valueDepthMax) {
    throw new JsonProblem(`it is nested more than ${valueDepthMax} levels deep`, reader.at);
  }
  switch (reader.text[reader.at]) {
    case '{':
      return readObject(reader, depth);
    case '[':
      return readArray(reader, depth);
    case '"':
      return stringValue(readString(reader));
    default:
      return readNumber(reader) ?? readWord(reader);
  }
}

function readNumber(reader: Reader): Value | undefined {
  const start = reader.at;
  const text = take(reader, NUMBER_TEXT);
  if (text === undefined) return undefined;
  const value = numberFromText(text);
  if (!value) throw new JsonProblem('the number has more digits than numbers may have', start);
  return value;
}

function readWord(reader: Reader): Value {
  const start = reader.at;
  const word = take(reader, WORD);
  if (word === 'null') return NULL;
  if (word !== undefined) return boolValue(word === 'true');
  throw new JsonProblem(start >= reader.text.length ? 'it ends too early' : 'a value is expected', start);
}

function readString(reader: Reader): string {
  const plain = take(reader, PLAIN_STRING);
  if (plain !== undefined) return plain.slice(1, -1);
  const start = reader.at;
  let end = start + 1;
  while (end < reader.text.length && reader.text[end] !== '"') end += reader.text[end] === '\\' ? 2 : 1;
  reader.at = end + 1;
  try {
    return String(JSON.parse(reader.text.slice(start, end + 1)));
  } catch {
    throw new JsonProblem(
      'the string is not closed or has a character or an escape that JSON does not know',
      start,
    );
  }
}

function readArray(reader: Reader, depth: number): Value {
  const items: Value[] = [];
  readItems(reader, ']', () => items.push(readValue(reader, depth + 1)));
  return tupleValue(items);
}

function readObject(reader: Reader, depth: number): Value {
  const entries: [string, Value][] = [];
  readItems(reader, '}', () => {
    if (reader.text[reader.at] !== '"')
      throw new JsonProblem('a name in double quotes is expected', reader.at);
    const name = readString(reader);
    skipSpace(reader);
    expect(reader, ':');
    skipSpace(reader);
    entries.push([name, readValue(reader, depth + 1)]);
  });
  return objectValue(entries);
}

/** From an opening bracket through the closing one, calling `readItem` at each item between commas. */
function readItems(reader: Reader, close: string, readItem: () => void): void {
  reader.at += 1;
  skipSpace(reader);
  if (reader.text[reader.at] !== close) {
    for (;;) {
      readItem();
      skipSpace(reader);
      if (reader.text[reader.at] !== ',') break;
      reader.at += 1;
      skipSpace(reader);
    }
  }
  expect(reader, close);
}

function expect(reader: Reader, character: string): void {
  if (reader.text[reader.at] !== character) throw new JsonProblem(`\`${character}\` is expected`, reader.at);
  reader.at += 1;
}
