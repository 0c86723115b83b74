// `wayside-agent plan`: exactly what an action would do with these inputs. Runs nothing, reads no secret.
import type { Command } from 'commander';
import { checkInputs } from '../../hcl/agent-file/check-inputs.ts';
import type { ActionDefinition, InputDefinition } from '../../hcl/agent-file/definition.ts';
import { defineInputSchema } from '../../hcl/agent-file/input-schema.ts';
import { convert } from '../../hcl/convert.ts';
import { valueFromJson, valueToJson } from '../../hcl/json.ts';
import { renderDiagnostic } from '../../hcl/render-diagnostic.ts';
import { ANY, NULL, SENSITIVE, stringValue, TAINTED, withMarksDeep } from '../../hcl/values.ts';
import type { Value } from '../../hcl/values.ts';
import { Failure } from '../../protocol/failures.ts';
import { parseJson, stringifyJson } from '../../protocol/json.ts';
import { exitCodes } from '../exit-codes.ts';
import { shellOf } from '../host.ts';
import { loadRegistry, readSources } from '../load.ts';
import type { Registry } from '../load.ts';
import { previewAction } from '../plan/preview.ts';
import { previewJson, showPreview } from '../plan/show-plan.ts';
import { answer, configOf, hasColor, print, printError } from './edge.ts';
import { addSettings, examples, flagsOf } from './options.ts';

interface PlanOptions extends Record<string, unknown> {
  readonly action?: string;
  readonly input: readonly string[];
  readonly json?: true;
}

export function registerPlan(program: Command): void {
  const command = program
    .command('plan')
    .description('show exactly what an action would do; nothing is run and no secret is read')
    .argument('<path>', 'agent file, or a folder of *.hcl files')
    .option('-a, --action <group/name>', 'which action; not needed where there is only one')
    .option('-i, --input <name=value>', 'an input, as often as needed', collect, [])
    .option('--json', 'print one object for programs');
  addSettings(command, ['compatibility', 'proxy', 'runAs', 'envInherit'])
    .addHelpText(
      'after',
      `${examples([
        'wayside-agent plan agent.hcl --action prod/promote --input version=v1.2.3',
        'wayside-agent plan agent.hcl -a prod/scale -i replicas=3 -i \'hosts=["a","b"]\' --json',
      ])}
Secrets, sensitive inputs and results of earlier operations stand as references: secret("name"), var.token,
operation.build.output. Exit codes: 0 planned, 1 errors in the file, in the inputs, or an operation that would be
refused, 64 usage.`,
    )
    .action((path: string, options: PlanOptions) => {
      plan(path, options);
    });
}

function collect(pair: string, pairs: readonly string[]): readonly string[] {
  return [...pairs, pair];
}

function plan(path: string, options: PlanOptions): void {
  const { registry, diagnostics } = loadRegistry(readSources(path), configOf(flagsOf(options)));
  for (const diagnostic of diagnostics) {
    printError(`${renderDiagnostic(diagnostic, { color: hasColor('stderr') })}\n`);
  }
  if (registry === null) {
    answer(exitCodes.failed);
    return;
  }
  const { settings } = registry;
  const action = chooseAction(registry, options.action);
  const given = readInputs(action, options.input);
  const problems = action.declaresInputs ? problemsOf(action, given) : [];
  if (problems.length > 0) {
    printError(['The inputs do not fit:', ...problems].join('\n'));
    answer(exitCodes.failed);
    return;
  }
  const inputs = completed(action, given);
  const preview = previewAction(
    { action, settings, inputs },
    { shell: shellOf({ environment: process.env }) },
  );
  answer(preview.operations.some(({ refused }) => refused) ? exitCodes.failed : exitCodes.ok);
  const shown = { inherit: settings.envInherit };
  print(options.json === true ? stringifyJson(previewJson(preview, shown)) : showPreview(preview, shown));
}

/** By `group/name`, by a name that only one group has, or the only one there is. Throws `unknown_operation`. */
function chooseAction({ actions }: Registry, wanted: string | undefined): ActionDefinition {
  const found = actions.filter(
    ({ group, name }) => wanted === undefined || wanted === `${group}/${name}` || wanted === name,
  );
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const names = actions.map(({ group, name }) => `  ${group}/${name}`).join('\n');
  const what = wanted === undefined ? 'Say which action by --action:' : `--action ${wanted} is none of:`;
  throw new Failure('invalid_request', `${what}\n${names}`);
}

/** What was given, of the types that the action declares. Throws `invalid_request` for what is no `name=value`. */
function readInputs(action: ActionDefinition, pairs: readonly string[]): ReadonlyMap<string, Value> {
  return new Map(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at <= 0) {
        throw new Failure('invalid_request', `--input takes name=value; ${JSON.stringify(pair)} is not.`);
      }
      const name = pair.slice(0, at);
      const definition = action.inputs.find((each) => each.name === name);
      return [name, readValue(pair.slice(at + 1), definition)];
    }),
  );
}

/** With defaults and marks, as a run has them. */
function completed(action: ActionDefinition, given: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> {
  const defaults = action.inputs.map((input): readonly [string, Value] => [
    input.name,
    input.default ?? NULL,
  ]);
  return new Map(
    [...new Map([...defaults, ...given])].map(([name, value]) => {
      const sensitive = action.inputs.some((input) => input.name === name && input.sensitive);
      return [name, withMarksDeep(value, TAINTED | (sensitive ? SENSITIVE : 0))];
    }),
  );
}

/** Text is itself; everything else is written as JSON, a list also as `a,b`. */
function readValue(text: string, definition: InputDefinition | undefined): Value {
  const type = definition?.type ?? ANY;
  if (type.kind === 'string' || definition === undefined) return stringValue(text);
  if (type.kind === 'list' && !text.trimStart().startsWith('[')) {
    return valueFromJson(JSON.stringify(text === '' ? [] : text.split(',')));
  }
  try {
    const converted = convert(valueFromJson(text), type);
    if ('value' in converted) return converted.value;
  } catch {
    // Said by the check of the inputs, which knows the type.
  }
  return stringValue(text);
}

function problemsOf(action: ActionDefinition, values: ReadonlyMap<string, Value>): readonly string[] {
  const json = new Map([...values].map(([name, value]) => [name, parseJson(valueToJson(value))]));
  return checkInputs(defineInputSchema(action.inputs), json).map(
    ({ input, message }) => `  ${input}: ${message}`,
  );
}
