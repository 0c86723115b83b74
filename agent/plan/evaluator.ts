// Evaluates the expressions of one operation, and says which texts are foreign: chosen by someone other than the
// file's author, by the rules that the loader uses (rules.md 21).
import type { Expression, Source } from '../../hcl/ast.ts';
import type { ActionDefinition } from '../../hcl/agent-file/definition.ts';
import { taintsOf } from '../../hcl/agent-file/taint.ts';
import type { Inputs, Taint } from '../../hcl/agent-file/taint.ts';
import { convert } from '../../hcl/convert.ts';
import { positionOf } from '../../hcl/diagnostic.ts';
import type { Diagnostic } from '../../hcl/diagnostic.ts';
import { evaluate } from '../../hcl/evaluate.ts';
import { newBudget } from '../../hcl/evaluate-scope.ts';
import type { HclFunction } from '../../hcl/functions/function.ts';
import { standardFunctions } from '../../hcl/functions/standard.ts';
import { marksOf, STRING, TAINTED } from '../../hcl/values.ts';
import type { StringValue, Value } from '../../hcl/values.ts';
import { Failure } from '../../protocol/failures.ts';

export interface Evaluator {
  readonly action: ActionDefinition;
  /** Throws `evaluation_failed` with the place in the file. */
  value(expression: Expression): Value;
  /** The value as a text; null is none. */
  text(expression: Expression): StringValue;
  /** Where a value that `expression` gave is foreign; empty when the author wrote all of it. */
  foreign(expression: Expression, value: Value): readonly Taint[];
  /** A failure of this expression, with its place before the message. */
  fail(expression: Expression, message: string): Failure;
}

export interface EvaluatorOptions {
  readonly action: ActionDefinition;
  readonly variables: ReadonlyMap<string, Value>;
  /** Beside those of the language. */
  readonly functions: ReadonlyMap<string, HclFunction>;
  /** Called with every value before anyone else has it: sensitive ones become masked here. */
  readonly onValue: (value: Value) => void;
}

const noVariables: ReadonlyMap<string, Value> = new Map();

export function createEvaluator({ action, variables, functions, onValue }: EvaluatorOptions): Evaluator {
  const { source } = action;
  const inputs: Inputs = new Map(action.inputs.map((input) => [input.name, input]));
  const language = { source, variables: noVariables, functions: standardFunctions };
  const scope = { source, variables, functions, budget: newBudget(), parent: language };
  const fail = (expression: Expression, message: string): Failure =>
    new Failure('evaluation_failed', `${placeOf(source, expression.start)}: ${message}`);

  function value(expression: Expression): Value {
    const { value: found, diagnostics } = evaluate(expression, scope);
    if (diagnostics.length > 0) {
      throw new Failure('evaluation_failed', diagnostics.map(oneLine).join(' '));
    }
    onValue(found);
    return found;
  }

  function text(expression: Expression): StringValue {
    const found = value(expression);
    if (found.kind === 'string') return found;
    const converted = convert(found, STRING);
    if (!('value' in converted)) throw fail(expression, `a text is needed here: ${converted.problem}.`);
    if (converted.value.kind !== 'string') throw fail(expression, 'a text is needed here, not null.');
    return converted.value;
  }

  return {
    action,
    value,
    text,
    foreign: (expression, found) => ((marksOf(found) & TAINTED) === 0 ? [] : taintsOf(expression, inputs)),
    fail,
  };
}

/** Without the folders of the file, which are nobody's business outside. */
export function placeOf(source: Source, offset: number): string {
  const { line, column } = positionOf(source, offset);
  return `${source.name.replace(/^.*[/\\]/, '')}:${line}:${column}`;
}

function oneLine({ source, span, summary, detail }: Diagnostic): string {
  return `${placeOf(source, span.start)}: ${summary}. ${detail}`;
}
