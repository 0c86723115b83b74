// Checks at load that everything an expression names exists (R9): inputs, built-in variables, results of earlier
// operations, functions and the number of their arguments.
import type { CallExpression, Expression } from '../ast.ts';
import { standardFunctions } from '../functions/standard.ts';
import { didYouMean } from '../schema.ts';
import type { Report } from '../schema.ts';
import type { InputDefinition, OperationDefinition } from './definition.ts';
import { typeName } from './kinds.ts';
import { agentFunctions, builtIns, findBuiltIn, operationResults, responseParts } from './names.ts';
import { referencesOf } from './references.ts';
import type { Reference } from './references.ts';

export interface NamesInScope {
  readonly inputs: ReadonlyMap<string, InputDefinition>;
  readonly declaresInputs: boolean;
  /** Whether runs of the action have a token. */
  readonly token: boolean;
  /** Operations that are done before, by name. */
  readonly earlier: ReadonlyMap<string, OperationDefinition['kind']>;
  /** Names of operations that are done only then or later. */
  readonly later: ReadonlySet<string>;
  /** Names of operations that could not be made, which was reported. */
  readonly broken: ReadonlySet<string>;
  /** Names that a warning was given about: one each is enough. */
  readonly warned: Set<string>;
}

export function checkReferences(expression: Expression, names: NamesInScope, report: Report): void {
  const { variables, calls } = referencesOf(expression);
  for (const reference of variables) {
    const { path } = reference;
    if (path[0] === 'operation') checkOperation(reference, names, report);
    else if (path[0] === 'var') checkInput(reference, names, report);
    else checkBuiltIn(reference, names, report);
  }
  for (const call of calls) checkCall(call, report);
}

function checkInput({ path, span, spans }: Reference, names: NamesInScope, report: Report): void {
  const [, name, attribute] = path;
  if (name === undefined) return;
  const input = names.inputs.get(name);
  if (input === undefined) {
    unknown({ path: path.slice(0, 2), span: spans[1] ?? span }, names, report);
  } else if (attribute !== undefined && !['list', 'map'].includes(input.type.kind)) {
    const detail = `The input \`${name}\` is a ${typeName(input.type)}: it has no parts.`;
    report(spans[2] ?? span, { summary: 'Unknown attribute', detail, code: 'unknown_variable' });
  }
}

function checkBuiltIn({ path, span, spans }: Reference, names: NamesInScope, report: Report): void {
  const [root = ''] = path;
  const known = builtIns.some((each) => each.path[0] === root);
  if (root === 'run' && path[1] === 'token' && !names.token) {
    const detail = 'Runs of this action get no token. Write `token = true` in the action.';
    report(spans[1] ?? span, { summary: 'No `run.token`', detail, code: 'unknown_variable' });
    return;
  }
  if (known && (path.length === 1 || findBuiltIn(path) !== undefined)) return;
  unknown({ path: path.slice(0, known ? 2 : 1), span: (known ? spans[1] : spans[0]) ?? span }, names, report);
}

/** Without `input` blocks the run's body may bring any name; with them, only declared ones exist. */
function unknown(reference: Pick<Reference, 'path' | 'span'>, names: NamesInScope, report: Report): void {
  const name = reference.path.join('.');
  const known = [...names.inputs.keys()].map((each) => `var.${each}`);
  const all = [...known, ...builtIns.map(({ path }) => path.join('.'))];
  const bare = names.inputs.has(name) ? ` Inputs are written \`var.${name}\`.` : didYouMean(name, all);
  if (names.declaresInputs) {
    const detail = `No \`input\` block of this action declares it, and it is not built in.${bare}`;
    report(reference.span, { summary: `Unknown variable \`${name}\``, detail, code: 'unknown_variable' });
  } else if (!names.warned.has(name)) {
    names.warned.add(name);
    report(reference.span, {
      severity: 'warning',
      summary: `Undeclared variable \`${name}\``,
      detail: `A run fails when it does not bring this value. Declare it: \`input "${reference.path.at(-1) ?? ''}" { … }\` gives it a type, a form and checks.`,
      code: 'unknown_variable',
    });
  }
}

function checkOperation({ path, span, spans }: Reference, names: NamesInScope, report: Report): void {
  const [, name, result, part] = path;
  const complain = (at: number, summary: string, detail: string): void =>
    report(spans[at] ?? span, { summary, detail, code: 'unknown_operation_result' });
  if (name === undefined) {
    complain(
      0,
      'Operation without a name',
      'Write `operation.NAME.output`, with the `name` of an earlier operation.',
    );
    return;
  }
  const kind = names.earlier.get(name);
  if (names.broken.has(name)) return;
  if (kind === undefined) {
    const detail = names.later.has(name)
      ? 'Operations are done in the order of the file: only the results of earlier ones can be used.'
      : `No earlier operation of this action has this name.${didYouMean(name, names.earlier.keys())}`;
    complain(1, `Unknown operation \`${name}\``, detail);
  } else if (result !== undefined && !operationResults[kind].has(result)) {
    const detail = `A \`${kind}\` operation has no such result.${didYouMean(result, operationResults[kind].keys())}`;
    complain(2, `Unknown result \`${result}\``, detail);
  } else if (result === 'response' && part !== undefined && !responseParts.has(part)) {
    complain(
      3,
      `Unknown part \`${part}\` of a response`,
      `There is no such part.${didYouMean(part, responseParts.keys())}`,
    );
  }
}

function checkCall({ name, nameSpan, arguments: given, expand }: CallExpression, report: Report): void {
  const declared = standardFunctions.get(name) ?? agentFunctions.get(name);
  if (declared === undefined) {
    const all = [...standardFunctions.keys(), ...agentFunctions.keys()];
    const detail = `There is no function \`${name}\`.${didYouMean(name, all)}`;
    report(nameSpan, { summary: `Unknown function \`${name}\``, detail, code: 'unknown_function' });
    return;
  }
  const { parameters } = declared;
  const least = parameters.filter(({ optional, variadic }) => optional !== true && variadic !== true).length;
  const most = parameters.some(({ variadic }) => variadic === true) ? Infinity : parameters.length;
  if (expand || (given.length >= least && given.length <= most)) return;
  const takes = parameters.map((each) => (each.variadic === true ? `${each.name}...` : each.name)).join(', ');
  report(nameSpan, {
    summary: given.length < least ? 'Too few arguments' : 'Too many arguments',
    detail: `The function is \`${name}(${takes})\`, and ${given.length} ${given.length === 1 ? 'argument is' : 'arguments are'} given.`,
    code: 'wrong_arguments',
  });
}
