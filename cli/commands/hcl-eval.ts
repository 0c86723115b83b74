// `wayside hcl eval`: the value of an expression as JSON with all its digits, or what is wrong with it. Without an
// expression on a terminal it is a small console.
import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { Diagnostic } from '../../hcl/diagnostic.ts';
import { diagnosticToJson } from '../../hcl/diagnostic.ts';
import { evaluate } from '../../hcl/evaluate.ts';
import { standardFunctions } from '../../hcl/functions/standard.ts';
import { JsonProblem, valueFromJson, valueToJson, valueToPrettyJson } from '../../hcl/json.ts';
import { parseExpression } from '../../hcl/parse.ts';
import { renderDiagnostic } from '../../hcl/render-diagnostic.ts';
import type { Value } from '../../hcl/values.ts';
import { maskSensitive } from '../../hcl/values.ts';
import type { Surroundings } from '../cli.ts';
import { exitCodes } from '../exit-codes.ts';
import { openPrinter } from '../print.ts';
import type { Printer } from '../print.ts';
import { runConsole } from './hcl-console.ts';

const MASK = '(sensitive)';

interface EvalOptions {
  readonly vars?: string;
  readonly json?: boolean;
}

type Outcome = { readonly value: Value } | { readonly diagnostics: readonly Diagnostic[] };
type Variables = ReadonlyMap<string, Value>;

/** Adds `eval` to the command `hcl`, which it makes where there is none yet. */
export function registerHclEval(program: Command, surroundings: Surroundings): void {
  const hcl =
    program.commands.find((command) => command.name() === 'hcl') ??
    program.command('hcl').description('the language of agent files');
  hcl
    .command('eval')
    .argument('[expression]', 'the expression, or - for standard input')
    .description('evaluate an expression, or open a console when there is none')
    .option('--vars <file>', 'a JSON object whose members are the variables')
    .addHelpText(
      'after',
      `\nExamples:\n  wayside hcl eval '0.1 + 0.2'\n  wayside hcl eval --vars vars.json 'upper(region)'`,
    )
    .action(async (expression: string | undefined, _: unknown, command: Command) => {
      await runEval(expression, command.optsWithGlobals<EvalOptions>(), surroundings);
    });
}

async function runEval(
  expression: string | undefined,
  options: EvalOptions,
  surroundings: Surroundings,
): Promise<void> {
  const { environment, streams, stdin, exit } = surroundings;
  const print = openPrinter(streams, { json: options.json === true, environment });
  const shape = { print, isPretty: streams.stdout.isTTY === true };
  const variables = await readVariables(options.vars, print);
  if (!variables) {
    exit(exitCodes.failed);
    return;
  }
  if (expression === undefined && stdin.isTTY) {
    await runConsole({
      input: stdin,
      print,
      variables,
      answer: (text) => answer(evaluateText(text, variables), shape),
    });
    return;
  }
  const text = expression === undefined || expression === '-' ? await readAll(stdin) : expression;
  if (!answer(evaluateText(text, variables), shape)) exit(exitCodes.failed);
}

/** The value of a text in which these variables and the functions of the language are known. */
function evaluateText(text: string, variables: Variables): Outcome {
  const { source, expression, diagnostics } = parseExpression('expression', text);
  if (diagnostics.length > 0) return { diagnostics };
  const evaluated = evaluate(expression, { source, variables, functions: standardFunctions });
  return evaluated.diagnostics.length > 0
    ? { diagnostics: evaluated.diagnostics }
    : { value: evaluated.value };
}

/**
 * Prints the value on standard output, on several lines for a reader at a terminal, or the diagnostics on standard
 * error; false for the latter.
 */
function answer(outcome: Outcome, { print, isPretty }: { print: Printer; isPretty: boolean }): boolean {
  if ('value' in outcome) {
    const shown = maskSensitive(outcome.value, MASK);
    print.out(
      print.json
        ? `{"value":${valueToJson(shown)}}`
        : isPretty
          ? valueToPrettyJson(shown)
          : valueToJson(shown),
    );
    return true;
  }
  const { diagnostics } = outcome;
  if (print.json) print.out(JSON.stringify({ diagnostics: diagnostics.map(diagnosticToJson) }));
  else for (const diagnostic of diagnostics) print.err(renderDiagnostic(diagnostic, { color: print.color }));
  return false;
}

/** The members of the JSON object in a file; undefined after telling why there are none. */
async function readVariables(file: string | undefined, print: Printer): Promise<Variables | undefined> {
  if (file === undefined) return new Map();
  try {
    const value = valueFromJson(await readFile(file, 'utf8'));
    if (value.kind === 'object') return value.entries;
    print.err(`${file}: variables are the members of a JSON object, and this is something else.`);
  } catch (error) {
    const reason =
      error instanceof JsonProblem ? `it is not JSON: ${error.message}` : (error as Error).message;
    print.err(`${file}: ${reason}`);
  }
  return undefined;
}
