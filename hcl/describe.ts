// Names for types and values in diagnostics. What a sensitive value is stays unsaid everywhere.
import { suggest } from './did-you-mean.ts';
import type { Type, Value } from './values.ts';
import { marksOf, SENSITIVE, typeOf } from './values.ts';
import { valueToJson } from './json.ts';

const SHOWN_LENGTH = 60;
const CANDIDATES = 1_000;

/** A type as a sentence has it: `a string`, `an object`, `a list of number`. */
export function describeType(type: Type): string {
  switch (type.kind) {
    case 'list':
    case 'set':
    case 'map':
      return type.element.kind === 'any' ? `a ${type.kind}` : `a ${type.kind} of ${type.element.kind}`;
    case 'object':
      return 'an object';
    case 'any':
      return 'any value';
    default:
      return `a ${type.kind}`;
  }
}

/** What kind of value it is: `null`, `a string`, `a list of string`. */
export function describeKind(value: Value): string {
  return value.kind === 'null' ? 'null' : describeType(typeOf(value));
}

/** The value as JSON, cut where it is long; undefined when any of it is sensitive. */
export function showValue(value: Value): string | undefined {
  if ((marksOf(value) & SENSITIVE) !== 0) return undefined;
  return cutText(valueToJson(value));
}

/** The text, cut where it is long. */
export function cutText(text: string): string {
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH).toWellFormed()}…` : text;
}

/** The name in quotes, cut where it is long. */
export function quoteName(name: string): string {
  return `"${cutText(name)}"`;
}

/** `Did you mean "…"?` when one of the names is near enough to what was written to be meant, else undefined. */
export function nearName(word: string, names: readonly string[]): string | undefined {
  if (word.length < 3 || word.length > SHOWN_LENGTH) return undefined;
  const shorter = names.filter((name) => name.length <= SHOWN_LENGTH).slice(0, CANDIDATES);
  const near = suggest(word, shorter);
  return near === null ? undefined : `Did you mean "${near}"?`;
}

/** `"a", "b" and "c"`; no more than eight, then how many there are besides. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, names.length > 8 ? 7 : 8).map(quoteName);
  const rest = names.length - shown.length;
  const parts = rest > 0 ? [...shown, `${rest} more`] : shown;
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1) ?? ''}`;
}
