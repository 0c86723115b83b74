// Advertised schemas of inputs, parsed. They are asked for at every press and change rarely, so the last ones are kept.
import { parseJson } from '../../protocol/json.ts';
import type { JsonValue } from '../../protocol/json.ts';

export interface InputSchema {
  readonly json: unknown;
  readonly names: ReadonlySet<string>;
  readonly sensitive: ReadonlySet<string>;
}

const keptMax = 500;
const kept = new Map<string, InputSchema>();

/** Parses the text of a schema, or remembers it. Pure but for its memory. */
export function parseInputSchema(text: string): InputSchema {
  const known = kept.get(text);
  if (known !== undefined) return known;
  const parsed = readSchema(parseJson(text));
  const [oldest] = kept.keys();
  if (kept.size >= keptMax && oldest !== undefined) kept.delete(oldest);
  kept.set(text, parsed);
  return parsed;
}

function readSchema(json: unknown): InputSchema {
  const { properties } = json as { properties?: Record<string, JsonValue> };
  const declared = Object.entries(properties ?? {});
  const marked = declared.filter(
    ([, property]) =>
      typeof property === 'object' &&
      property !== null &&
      Reflect.get(property, 'x-wayside-sensitive') === true,
  );
  return {
    json,
    names: new Set(declared.map(([name]) => name)),
    sensitive: new Set(marked.map(([name]) => name)),
  };
}
