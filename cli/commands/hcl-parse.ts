// `wayside hcl parse`: a file as data, its arguments evaluated or as they are written.
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { Body, Expression, Source } from '../../hcl/ast.ts';
import { diagnosticToJson } from '../../hcl/diagnostic.ts';
import type { Diagnostic } from '../../hcl/diagnostic.ts';
import { evaluate } from '../../hcl/evaluate.ts';
import { newBudget } from '../../hcl/evaluate-scope.ts';
import type { Scope } from '../../hcl/evaluate-scope.ts';
import { standardFunctions } from '../../hcl/functions/standard.ts';
import { valueFromJson, valueToJson } from '../../hcl/json.ts';
import { parseFile } from '../../hcl/parse.ts';
import { renderDiagnostic } from '../../hcl/render-diagnostic.ts';
import type { Value } from '../../hcl/values.ts';
import { maskSensitive } from '../../hcl/values.ts';
import type { Surroundings } from '../cli.ts';
import { exitCodes } from '../exit-codes.ts';
import { openPrinter } from '../print.ts';
import type { Printer } from '../print.ts';

const MASK = '(sensitive)';

interface ParseOptions {
  readonly vars?: string;
  readonly source?: boolean;
  readonly json?: boolean;
}

/** Adds `parse` to the command `hcl`, which it makes where there is none yet. */
export function registerHclParse(program: Command, surroundings: Surroundings): void {
  const hcl =
    program.commands.find((command) => command.name() === 'hcl') ??
    program.command('hcl').description('the language of agent files');
  hcl
    .command('parse')
    .argument('<file>', 'the file, or - for standard input')
    .description('print a file as JSON, in the order in which it is written')
    .option('--vars <file>', 'a JSON object whose members are the variables')
    .option('--source', 'give every expression as it is written instead of its value')
    .addHelpText(
      'after',
      `\nExamples:\n  wayside hcl parse agent.hcl --source --json\n  wayside hcl parse app.hcl --vars vars.json`,
    )
    .action(async (file: string, _: unknown, command: Command) => {
      await runParse(file, command.optsWithGlobals<ParseOptions>(), surroundings);
    });
}

async function runParse(file: string, options: ParseOptions, surroundings: Surroundings): Promise<void> {
  const { environment, streams, stdin, exit } = surroundings;
  const print = openPrinter(streams, { json: options.json === true, environment });
  const text = await readText(file, stdin, print);
  const variables = await readVariables(options.vars, print);
  if (text === null || variables === null) {
    exit(exitCodes.failed);
    return;
  }
  const { source, body, diagnostics } = parseFile(file, text);
  const problems = [...diagnostics];
  const scope = { source, variables, functions: standardFunctions, budget: newBudget() };
  const json =
    problems.length > 0
      ? ''
      : bodyToJson(body, options.source === true ? written(source) : evaluated(scope, problems));
  if (problems.length === 0) print.out(print.json ? json : indented(json));
  else {
    tellProblems(print, problems);
    exit(exitCodes.failed);
  }
}

type ShowExpression = (expression: Expression) => string;

/** `{"attrs":{…},"blocks":[{"type","labels","attrs","blocks"}]}`, written as text so that every name is only a name. */
function bodyToJson(body: Body, show: ShowExpression): string {
  return `{${membersToJson(body, show)}}`;
}

function membersToJson(body: Body, show: ShowExpression): string {
  const attributes = body.attributes.map(
    ({ name, expression }) => `${JSON.stringify(name)}:${show(expression)}`,
  );
  const blocks = body.blocks.map(({ type, labels, body: inner }) => {
    const head = `"type":${JSON.stringify(type)},"labels":${JSON.stringify(labels.map(({ value }) => value))}`;
    return `{${head},${membersToJson(inner, show)}}`;
  });
  return `"attrs":{${attributes.join(',')}},"blocks":[${blocks.join(',')}]`;
}

function written(source: Source): ShowExpression {
  return ({ start, end }) => JSON.stringify(source.text.slice(start, end));
}

/** Shows values, and adds to the problems why there is none. */
function evaluated(scope: Scope, problems: Diagnostic[]): ShowExpression {
  return (expression) => {
    const { value, diagnostics } = evaluate(expression, scope);
    problems.push(...diagnostics);
    return valueToJson(maskSensitive(value, MASK));
  };
}

/** The JSON text on several lines. Strings stay as they are, so that numbers keep their digits. */
function indented(json: string): string {
  let depth = 0;
  return json.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|[{[][}\]]|[{}[\],:]/g, (token) => {
    const line = (): string => `\n${'  '.repeat(depth)}`;
    if (token === '{' || token === '[') {
      depth += 1;
      return token + line();
    }
    if (token === '}' || token === ']') {
      depth -= 1;
      return line() + token;
    }
    return token === ',' ? token + line() : token === ':' ? ': ' : token;
  });
}

function tellProblems(print: Printer, diagnostics: readonly Diagnostic[]): void {
  if (print.json) print.out(JSON.stringify({ diagnostics: diagnostics.map(diagnosticToJson) }));
  else for (const diagnostic of diagnostics) print.err(renderDiagnostic(diagnostic, { color: print.color }));
}

/** The text of a file or of standard input; null after telling why there is none. */
async function readText(file: string, stdin: NodeJS.ReadStream, print: Printer): Promise<string | null> {
  try {
    const bytes = file === '-' ? await buffer(stdin) : await readFile(file);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    print.err(
      `${file}: ${error instanceof TypeError ? 'the file is not valid UTF-8.' : (error as Error).message}`,
    );
    return null;
  }
}

/** The members of the JSON object in a file; null after telling why there are none. */
async function readVariables(
  file: string | undefined,
  print: Printer,
): Promise<ReadonlyMap<string, Value> | null> {
  if (file === undefined) return new Map();
  try {
    const value = valueFromJson(await readFile(file, 'utf8'));
    if (value.kind === 'object') return value.entries;
    print.err(`${file}: variables are the members of a JSON object, and this is something else.`);
  } catch (error) {
    print.err(`${file}: ${(error as Error).message}`);
  }
  return null;
}
