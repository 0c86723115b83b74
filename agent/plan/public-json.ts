// A value as JSON that people may see: every digit of its numbers, `***` for what is sensitive.
import { valueToJson } from '../../hcl/json.ts';
import { isMapping, isSequence, SENSITIVE } from '../../hcl/values.ts';
import type { Value } from '../../hcl/values.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { parseJson } from '../../protocol/json.ts';
import { maskText } from '../redact.ts';

/** Sensitive leaves are masked, and whole values where the mark is on the whole. Throws where it is nested too deep. */
export function publicJson(value: Value): JsonValue {
  return parseJson(valueToJson(masked(value))) as JsonValue;
}

function masked(value: Value): Value {
  if ((value.marks & SENSITIVE) !== 0) return { kind: 'string', value: maskText, marks: 0 };
  if (isSequence(value)) return { ...value, items: value.items.map(masked) };
  if (!isMapping(value)) return value;
  return { ...value, entries: new Map([...value.entries].map(([key, member]) => [key, masked(member)])) };
}
