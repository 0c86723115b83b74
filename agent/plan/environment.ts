// Plans the environment variables of an operation. Names that make a loader, a shell or an interpreter run other code
// never come from a map that someone else filled (rules.md 22).
import type { Expression } from '../../hcl/ast.ts';
import { isLoaderVariable } from '../../hcl/agent-file/map-keys.ts';
import { convert } from '../../hcl/convert.ts';
import { isMapping, STRING, TAINTED, withMarks } from '../../hcl/values.ts';
import type { StringValue, Value } from '../../hcl/values.ts';
import { Failure } from '../../protocol/failures.ts';
import type { Evaluator } from './evaluator.ts';

/**
 * The variables of a map of texts; one that is null is left out. Throws `evaluation_failed` for what is no such map,
 * and `tainted_argument` for a loader's variable out of a foreign map.
 */
export function planEnvironment(
  expression: Expression | null,
  evaluator: Evaluator,
): ReadonlyMap<string, StringValue> {
  if (expression === null) return new Map();
  const found = evaluator.value(expression);
  if (!isMapping(found)) throw evaluator.fail(expression, '`env` is a map of texts.');
  const foreign = (found.marks & TAINTED) !== 0;
  const variables = new Map<string, StringValue>();
  for (const [name, member] of found.entries) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw evaluator.fail(expression, `${JSON.stringify(name)} cannot be the name of a variable.`);
    }
    if (foreign && isLoaderVariable(name)) {
      throw new Failure(
        'tainted_argument',
        `An input may not set ${name}, which decides what code programs run. Write such names literally.`,
      );
    }
    const text = textOf(member, found.marks);
    if (text === null) continue;
    if (text === 'unfit') throw evaluator.fail(expression, `the variable ${name} is not a text.`);
    if (text.value.includes('\0'))
      throw evaluator.fail(expression, `${name} cannot contain the character NUL.`);
    variables.set(name, text);
  }
  return variables;
}

function textOf(value: Value, marks: number): StringValue | null | 'unfit' {
  if (value.kind === 'null') return null;
  const converted = convert(value, STRING);
  if (!('value' in converted) || converted.value.kind !== 'string') return 'unfit';
  return withMarks(converted.value, marks);
}
