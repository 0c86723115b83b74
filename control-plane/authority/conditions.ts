// Conditions of a binding on the inputs of a run: whether they hold, and whether one set of them is as strict as another.
import { RE2JS } from 're2js';
import type { Condition } from '../../protocol/api/authority.ts';
import { parseDecimal, printDecimal } from '../../hcl/decimal.ts';
import type { JsonValue } from '../../protocol/json.ts';

/**
 * What is known of the inputs of a run, without the sensitive ones. `later` where somebody decides again as soon as
 * they are known; nobody may rely on such a decision.
 */
export type KnownInputs = ReadonlyMap<string, JsonValue> | 'later';

/** The first input on which the conditions fail, or null where all hold. An input that is not known fails. */
export function failingInput(
  conditions: readonly Condition[],
  inputs: ReadonlyMap<string, JsonValue>,
): string | null {
  return conditions.find((condition) => !holds(condition, inputs.get(condition.input)))?.input ?? null;
}

/**
 * Whether the conditions may hold, for a denial: false only where an input is known and does not meet its condition, so
 * that what is not known is denied.
 */
export function mayHold(conditions: readonly Condition[], inputs: ReadonlyMap<string, JsonValue>): boolean {
  return conditions.every((condition) => {
    const text = textOf(inputs.get(condition.input));
    return text === null || meets(condition, text);
  });
}

function holds(condition: Condition, value: JsonValue | undefined): boolean {
  const text = textOf(value);
  return text !== null && meets(condition, text);
}

function meets(condition: Condition, text: string): boolean {
  return condition.operator === 'matches'
    ? patternsOf(condition).some((pattern) => pattern.matcher(text).matches())
    : condition.values.some((wanted) => textOf(wanted) === text);
}

/**
 * What is compared: the text of a scalar, so that a number means the same in digits and as text, as it does in an
 * action. Null for what is not known or is no scalar.
 */
function textOf(value: JsonValue | undefined): string | null {
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
      return String(value);
    case 'number':
      return digitsOf(String(value));
    default:
      return value !== undefined && JSON.isRawJSON(value) ? digitsOf(value.rawJSON) : null;
  }
}

function digitsOf(text: string): string | null {
  const decimal = parseDecimal(text);
  return decimal === undefined || decimal === null ? null : printDecimal(decimal);
}

const compiled = new WeakMap<Condition, readonly RE2JS[]>();

function patternsOf(condition: Condition): readonly RE2JS[] {
  const kept = compiled.get(condition);
  if (kept !== undefined) return kept;
  const patterns = condition.values.map((pattern) => RE2JS.compile(String(pattern)));
  compiled.set(condition, patterns);
  return patterns;
}

/** The sentence that says what is wrong with a pattern, or null. */
export function patternProblem(condition: Condition): string | null {
  if (condition.operator !== 'matches') return null;
  for (const pattern of condition.values) {
    try {
      RE2JS.compile(String(pattern));
    } catch (cause) {
      return `The pattern for ${condition.input} is not one of RE2: ${(cause as Error).message}.`;
    }
  }
  return null;
}

/** Whether everything that meets `strict` meets `lax` too. May say no where it is so, never yes where it is not. */
export function impliedBy(lax: readonly Condition[], strict: readonly Condition[]): boolean {
  return lax.every((wanted) =>
    strict.some((given) => given.input === wanted.input && implies(given, wanted)),
  );
}

function implies(given: Condition, wanted: Condition): boolean {
  if (given.operator !== 'matches') return given.values.every((value) => holds(wanted, value));
  return wanted.operator === 'matches' && given.values.every((pattern) => wanted.values.includes(pattern));
}
