// Function calls (hashicorp/hcl, hclsyntax/spec.md "Functions and Function Calls"; spec.md "Functions and Function
// Calls"): arguments are mapped to parameters, converted to their types, and their marks passed to the result.
import type { CallExpression, Span } from './ast.ts';
import type { Converted } from './convert.ts';
import { convert } from './convert.ts';
import { cutText, describeKind, nearName, quoteName } from './describe.ts';
import type { Scope } from './evaluate-scope.ts';
import { findFunction, functionNames } from './evaluate-scope.ts';
import type { Evaluation } from './evaluate-state.ts';
import { attempt, charge, chargeText, checkSize, LimitReached, report } from './evaluate-state.ts';
import type { HclFunction, Parameter } from './functions/function.ts';
import { FunctionProblem } from './functions/function.ts';
import type { Marks, Value } from './values.ts';
import { isMapping, isSequence, marksOf, SENSITIVE, sizeOf, withMarks } from './values.ts';

interface Argument {
  readonly value: Value;
  readonly span: Span;
}

interface Call {
  readonly expression: CallExpression;
  readonly called: HclFunction;
  readonly scope: Scope;
}

export function evaluateCall(
  evaluation: Evaluation,
  expression: CallExpression,
  scope: Scope,
): Value | undefined {
  const called = findFunction(scope, expression.name);
  if (!called) return unknownFunction(evaluation, expression, scope);
  const call = { expression, called, scope };
  if (called.lazy) return invokeLazily(evaluation, call);
  const given = evaluateArguments(evaluation, call);
  if (!given || !checkCount(evaluation, call, given.length)) return undefined;
  const args = given.map((argument, at) => fit(evaluation, call, { argument, at }));
  const fitting = args.filter((argument) => argument !== undefined);
  return fitting.length === args.length ? invoke(evaluation, call, fitting) : undefined;
}

function unknownFunction(evaluation: Evaluation, expression: CallExpression, scope: Scope): undefined {
  const names = functionNames(scope);
  const near = nearName(expression.name, names);
  const hint = names.length === 0 ? 'No function may be called here.' : (near ?? '');
  const detail = `There is no function named ${quoteName(expression.name)}. ${hint}`.trimEnd();
  return report(evaluation, { summary: 'Unknown function', detail, span: expression.nameSpan });
}

function invokeLazily(evaluation: Evaluation, call: Call): Value | undefined {
  const { expression, called } = call;
  if (!checkCount(evaluation, call, expression.arguments.length)) return undefined;
  if (!expression.expand) return invoke(evaluation, call, []);
  const detail = `${called.name}() evaluates its arguments one by one, so they cannot come from one expanded by \`...\`.`;
  return report(evaluation, { summary: 'Invalid expanded argument', detail, span: expression });
}

/** The arguments, an expanded last one by its elements. */
function evaluateArguments(
  evaluation: Evaluation,
  { expression, scope }: Call,
): readonly Argument[] | undefined {
  const values: Argument[] = [];
  for (const argument of expression.arguments) {
    const value = evaluation.evaluate(argument, scope);
    if (value) values.push({ value, span: argument });
  }
  if (values.length < expression.arguments.length) return undefined;
  const last = expression.expand ? values.pop() : undefined;
  if (!last) return values;
  if (isSequence(last.value)) {
    const { items, marks } = last.value;
    charge(evaluation, items.length);
    return [...values, ...items.map((item) => ({ value: withMarks(item, marks), span: last.span }))];
  }
  const detail = `Before \`...\` must stand a list, tuple or set, and this is ${describeKind(last.value)}.`;
  return report(evaluation, { summary: 'Invalid expanded argument', detail, span: last.span });
}

function checkCount(evaluation: Evaluation, { expression, called }: Call, count: number): boolean {
  const missing = called.parameters.findIndex(
    (parameter, at) => at >= count && !parameter.optional && !parameter.variadic,
  );
  const most = called.parameters.at(-1)?.variadic ? Infinity : called.parameters.length;
  if (missing < 0 && count <= most) return true;
  const parameter = called.parameters[missing];
  const summary = parameter ? 'Not enough arguments' : 'Too many arguments';
  const wrong = parameter
    ? `The argument "${parameter.name}" is missing: ${parameter.description}.`
    : `There are ${count}, and it takes no more than ${most}.`;
  const span = parameter ? expression : (expression.arguments[most] ?? expression);
  report(evaluation, { summary, detail: `${wrong} Write ${signature(called)}.`, span });
  return false;
}

/** `join(separator, lists...)`; what may be left out is in brackets. */
function signature({ name, parameters }: HclFunction): string {
  const names = parameters.map((parameter) => {
    if (parameter.variadic) return `${parameter.name}...`;
    return parameter.optional ? `[${parameter.name}]` : parameter.name;
  });
  return `${name}(${names.join(', ')})`;
}

function parameterAt({ parameters }: HclFunction, at: number): Parameter | undefined {
  return parameters[Math.min(at, parameters.length - 1)];
}

/** The argument as a value that its parameter takes. */
function fit(
  evaluation: Evaluation,
  { called }: Call,
  { argument, at }: { argument: Argument; at: number },
): Value | undefined {
  const parameter = parameterAt(called, at);
  if (!parameter) return argument.value;
  const taken = take(argument.value, parameter);
  if ('value' in taken) return taken.value;
  const detail = `The argument "${parameter.name}" of ${called.name}() does not fit: ${taken.problem}.`;
  return report(evaluation, { summary: 'Invalid argument', detail, span: argument.span });
}

function take(value: Value, { nullable, shape, type }: Parameter): Converted {
  if (value.kind === 'null') {
    return nullable ? { value } : { problem: 'it is null; a default is given by coalesce()' };
  }
  if (!shape) return convert(value, type);
  const fits = shape === 'sequence' ? isSequence(value) : isMapping(value);
  return fits ? { value } : { problem: `${SHAPES[shape]} is required, not ${describeKind(value)}` };
}

const SHAPES = {
  sequence: 'a list, tuple or set',
  mapping: 'a map or object',
};

function invoke(evaluation: Evaluation, call: Call, args: readonly Value[]): Value | undefined {
  const inner = args.reduce((all, argument) => all | marksOf(argument), 0);
  evaluation.seen |= inner;
  charge(
    evaluation,
    args.reduce((steps, argument) => steps + sizeOf(argument), 0),
  );
  try {
    const result = call.called.call(args, {
      charge: (steps) => charge(evaluation, steps),
      chargeText: (length) => chargeText(evaluation, length),
      attempts: call.called.lazy ? attemptsOf(evaluation, call) : [],
    });
    if (result.kind === 'string') chargeText(evaluation, result.value.length);
    return checkSize(withMarks(result, passedMarks(call.called, { args, inner })));
  } catch (error) {
    if (error instanceof LimitReached || error instanceof RangeError) throw error;
    return failed(evaluation, call, { error, secret: (inner & SENSITIVE) !== 0 });
  }
}

function attemptsOf(evaluation: Evaluation, { expression, scope }: Call) {
  return expression.arguments.map((argument) => () => attempt(evaluation, argument, scope));
}

function passedMarks(
  { marks }: HclFunction,
  { args, inner }: { args: readonly Value[]; inner: Marks },
): Marks {
  if (marks === 'own') return 0;
  return marks === 'all' ? inner : args.reduce((all, argument) => all | argument.marks, 0);
}

/** Says why the call failed. A function of somebody else may throw anything: what that says is not shown. */
function failed(
  evaluation: Evaluation,
  { expression, called }: Call,
  { error, secret }: { error: unknown; secret: boolean },
): undefined {
  if (!(error instanceof FunctionProblem)) {
    const detail = `${called.name}() failed in a way that it should not; this is a defect of the function.`;
    return report(evaluation, { summary: 'Function failed', detail, span: expression });
  }
  const { argument, message, shown } = error;
  const parameter = argument === undefined ? undefined : parameterAt(called, argument);
  const given = shown === undefined || secret ? '' : ` (${cutText(shown)})`;
  const subject = parameter
    ? `The argument "${parameter.name}" of ${called.name}() does not fit`
    : `${called.name}() failed`;
  const place =
    argument === undefined ? expression : (expression.arguments[argument] ?? expression.arguments.at(-1));
  const end = `${message}${given}`.endsWith('.') ? '' : '.';
  const detail = `${subject}: ${message}${given}${end}`;
  return report(evaluation, {
    summary: parameter ? 'Invalid argument' : 'Function failed',
    detail,
    span: place ?? expression,
  });
}
