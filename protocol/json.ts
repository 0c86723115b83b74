// JSON without loss: a number that a double cannot hold keeps its source text (ECMA-262, JSON.parse with source
// text access), so that 12345678901234567 arrives as itself.
import { Failure } from './failures.ts';
import { jsonDepthMax } from './limits.ts';

declare global {
  interface JSON {
    rawJSON(text: string): RawJson;
    isRawJSON(value: unknown): value is RawJson;
    parse(
      text: string,
      reviver: (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown;
  }
}

/** A JSON number in its source text. */
export interface RawJson {
  readonly rawJSON: string;
}

export type JsonValue =
  null | boolean | number | string | RawJson | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/**
 * Where a number might not come out as it went in: a fraction, an exponent, sixteen digits or more, a negative zero.
 * It also finds such digits inside a text, which costs time and nothing else. Without it no number has to be looked at,
 * and that is nearly always so: the engine reads JSON several times faster when nobody looks over its shoulder.
 */
const delicateNumber = /(?:^|"\s*:|[,[])\s*(?:-0|-?\d{16}|-?\d{1,15}[.eE])/;

/**
 * Reads JSON text. Numbers whose shortest decimal form differs from their source text stay as RawJson.
 * Throws `invalid_json` on bad syntax and on nesting deeper than `jsonDepthMax`.
 */
export function parseJson(text: string): unknown {
  try {
    const value = delicateNumber.test(text) ? parseDigits(text) : (JSON.parse(text) as unknown);
    assertDepth(value, 0);
    return value;
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure('invalid_json', `This is not valid JSON${whereIn(cause)}.`);
  }
}

function parseDigits(text: string): unknown {
  return JSON.parse(text, (_key, member, context) =>
    typeof member === 'number' && context.source !== undefined && String(member) !== context.source
      ? JSON.rawJSON(context.source)
      : member,
  );
}

/** Only the place: what the engine says of the error quotes the text, which may hold a secret. */
function whereIn(cause: unknown): string {
  if (cause instanceof RangeError) return ': it is nested too deeply';
  const position = /at position (\d+)/.exec(cause instanceof Error ? cause.message : '')?.[1];
  return position === undefined ? '' : `: look at character ${Number(position) + 1}`;
}

/** Writes JSON text; RawJson members are written digit for digit. */
export function stringifyJson(value: unknown): string {
  return JSON.stringify(value);
}

function assertDepth(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return;
  if (depth >= jsonDepthMax) {
    throw new Failure('invalid_json', `JSON may be nested ${jsonDepthMax} levels deep at the most.`);
  }
  for (const member of Object.values(value)) assertDepth(member, depth + 1);
}

/**
 * Canonical form (RFC 8785, JCS): members sorted by UTF-16 code units, no white space, numbers as ECMAScript
 * prints them. A RawJson number keeps its digits, which is where we go beyond the RFC: it has no lossless form.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return JSON.stringify(value);
  if (Array.isArray(value)) {
    let items = '';
    for (const item of value as readonly unknown[])
      items += `${items === '' ? '' : ','}${canonicalJson(item)}`;
    return `[${items}]`;
  }
  let members = '';
  // Without a comparison `sort` goes by code units.
  for (const name of Object.keys(value).sort()) {
    const member = (value as Readonly<Record<string, unknown>>)[name];
    if (member === undefined) continue;
    members += `${members === '' ? '' : ','}${JSON.stringify(name)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}
