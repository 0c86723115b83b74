// Explicit conversions, and `try` and `can`, which evaluate their arguments themselves to find out whether they can
// be evaluated.
import { convert } from '../convert.ts';
import type { Type, Value } from '../values.ts';
import { ANY, BOOL, boolValue, listOf, mapOf, NUMBER, setOf, STRING, withMarks } from '../values.ts';
import { valueAt } from './arguments.ts';
import type { HclFunction } from './function.ts';
import { FunctionProblem } from './function.ts';

const REASONS_SHOWN = 3;

function conversion(
  { name, description, examples }: Pick<HclFunction, 'name' | 'description' | 'examples'>,
  type: Type,
): HclFunction {
  const call = (args: readonly Value[]): Value => {
    const converted = convert(valueAt(args, 0), type);
    if ('value' in converted) return converted.value;
    throw new FunctionProblem(converted.problem, { argument: 0 });
  };
  const parameters = [
    { name: 'value', type: ANY, description: 'the value to convert', nullable: true },
  ] as const;
  return { name, description, parameters, returns: type, marks: 'own', examples, call };
}

const tobool = conversion(
  {
    name: 'tobool',
    description: 'The value as a bool: true, false, or one of the texts "true" and "false"',
    examples: [{ call: 'tobool("true")', result: 'true' }],
  },
  BOOL,
);

const tolist = conversion(
  {
    name: 'tolist',
    description: 'The elements as a list, all of one type',
    examples: [{ call: 'tolist(["a", "b", 3])', result: 'tolist(["a", "b", "3"])' }],
  },
  listOf(ANY),
);

const tomap = conversion(
  {
    name: 'tomap',
    description: 'The attributes as a map, all of one type',
    examples: [{ call: 'tomap({ a = "foo", b = true })', result: 'tomap({ a = "foo", b = "true" })' }],
  },
  mapOf(ANY),
);

const tonumber = conversion(
  {
    name: 'tonumber',
    description: 'The value as a number: a number, or the text of one without an exponent',
    examples: [{ call: 'tonumber("1.50")', result: '1.5' }],
  },
  NUMBER,
);

const toset = conversion(
  {
    name: 'toset',
    description: 'The elements as a set: each once, in ascending order',
    examples: [{ call: 'tolist(toset(["c", "b", "b"]))', result: 'tolist(["b", "c"])' }],
  },
  setOf(ANY),
);

const tostring = conversion(
  {
    name: 'tostring',
    description: 'The value as a text: a string, a number with all its digits, or a bool',
    examples: [{ call: 'tostring(12345678901234567)', result: '"12345678901234567"' }],
  },
  STRING,
);

const can: HclFunction = {
  name: 'can',
  description: 'Whether the expression can be evaluated without an error',
  parameters: [{ name: 'expression', type: ANY, description: 'any expression' }],
  returns: BOOL,
  marks: 'own',
  lazy: true,
  examples: [
    { call: 'can({ a = 1 }.a)', result: 'true' },
    { call: 'can({ a = 1 }.b)', result: 'false' },
  ],
  call(_, { attempts }) {
    const attempt = attempts[0]?.();
    return boolValue(attempt?.value !== undefined, attempt?.marks);
  },
};

const tryFunction: HclFunction = {
  name: 'try',
  description: 'The value of the first of the expressions that can be evaluated without an error',
  parameters: [
    { name: 'expression', type: ANY, description: 'the expression to try first' },
    { name: 'expressions', type: ANY, description: 'what to try after it', variadic: true },
  ],
  returns: ANY,
  marks: 'own',
  lazy: true,
  examples: [
    { call: 'try({ a = "x" }.a, "fallback")', result: '"x"' },
    { call: 'try({ a = "x" }.b, "fallback")', result: '"fallback"' },
  ],
  call(_, { attempts }) {
    let marks = 0;
    const reasons: string[] = [];
    for (const attempt of attempts) {
      const { value, diagnostics, marks: seen } = attempt();
      if (value) return withMarks(value, marks);
      marks |= seen;
      reasons.push(...diagnostics.map(({ detail }) => detail));
    }
    const shown = reasons.slice(0, REASONS_SHOWN).join(' ');
    throw new FunctionProblem(`no expression could be evaluated. ${shown}`.trimEnd());
  },
};

export const conversionFunctions: readonly HclFunction[] = [
  can,
  tobool,
  tolist,
  tomap,
  tonumber,
  toset,
  tostring,
  tryFunction,
];
