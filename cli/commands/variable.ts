// `wayside variable …`: stored values that fill inputs; a sensitive one never comes back.
import type { Command } from 'commander';
import { variablePageSchema, variableSchema } from '../../protocol/api/operations.ts';
import { Failure } from '../../protocol/failures.ts';
import { parseJson } from '../../protocol/json.ts';
import { readSecret } from '../ask.ts';
import { acting, everything, examples, many } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { table, time } from '../print.ts';

export function registerVariable(program: Command, surroundings: Surroundings): void {
  const variable = program.command('variable').description('stored values that fill inputs');
  variable
    .command('set <name>')
    .description(
      'store a value; it comes from a prompt, standard input or a file, never from the command line',
    )
    .option('--sensitive', 'sealed at rest, never readable, only for sensitive inputs it is bound to')
    .option('--value-file <file>', 'read the value from a file, - for standard input')
    .option('--action <action>', 'only for this action; without it for the whole project')
    .option('--bind <action.input>', 'where a sensitive variable may go; repeat for more', many, [])
    .option('--as-json', 'the value is JSON: a number, true, a list or a map')
    .option('--description <text>', 'what it is for')
    .addHelpText(
      'after',
      examples(
        'wayside variable set deploy_token --sensitive --bind promote.deploy_token',
        'wayside variable set deploy_token --sensitive --value-file ./token --action promote',
        'echo eu-west-1 | wayside variable set region',
      ),
    )
    .action(acting(surroundings, set));
  variable
    .command('list')
    .description('list the variables of the project; sensitive values are never shown')
    .addHelpText('after', examples('wayside variable list'))
    .action(acting(surroundings, list));
  variable
    .command('show <name>')
    .description('show a variable; a sensitive value is never shown')
    .option('--action <action>', 'the one of this action')
    .addHelpText('after', examples('wayside variable show region'))
    .action(acting(surroundings, show));
  variable
    .command('delete <name>')
    .description('delete a variable')
    .option('--action <action>', 'the one of this action')
    .addHelpText(
      'after',
      examples('wayside variable delete region', 'wayside variable delete token --action promote'),
    )
    .action(acting(surroundings, remove));
}

interface SetOptions {
  readonly sensitive?: true;
  readonly valueFile?: string;
  readonly action?: string;
  readonly bind: string[];
  readonly asJson?: true;
  readonly description?: string;
}

async function set(context: CommandContext, name: string, options: SetOptions): Promise<void> {
  const { client, print, project, surroundings } = context;
  const text = await readSecret(surroundings, { file: options.valueFile, prompt: `Value of ${name}` });
  const stored = await client.call({
    method: 'PUT',
    path: `${project}/variables/${encodeURIComponent(name)}`,
    body: {
      value: options.asJson === undefined ? text : parseJson(text),
      sensitive: options.sensitive ?? false,
      ...(options.action === undefined ? {} : { action: options.action }),
      ...(options.bind.length === 0 ? {} : { bind: options.bind.map(parseBinding) }),
      ...(options.description === undefined ? {} : { description: options.description }),
    },
    answer: variableSchema,
  });
  if (print.json) print.data(stored);
  else print.out(`Stored ${stored.name}${stored.sensitive ? ', sealed' : ''}.`);
  if (!print.json && stored.sensitive && stored.action === null && stored.bind.length === 0) {
    print.err('It goes nowhere until it is bound: `--bind <action>.<input>`.');
  }
}

function parseBinding(text: string): { action: string; input: string } {
  const dot = text.lastIndexOf('.');
  if (dot <= 0 || dot === text.length - 1) {
    throw new Failure('invalid_configuration', `--bind takes action.input; ${JSON.stringify(text)} is not.`);
  }
  return { action: text.slice(0, dot), input: text.slice(dot + 1) };
}

async function list({ client, print, project }: CommandContext): Promise<void> {
  const variables = await everything(client, `${project}/variables`, variablePageSchema);
  if (print.json) {
    print.data(variables);
    return;
  }
  const rows = variables.map((variable) => [
    variable.name,
    variable.action ?? '(project)',
    variable.sensitive ? '(sensitive)' : JSON.stringify(variable.value),
    variable.bind.map(({ action, input }) => `${action}.${input}`).join(' '),
    time(variable.updated_at),
  ]);
  print.out(table(['NAME', 'SCOPE', 'VALUE', 'BOUND TO', 'UPDATED'], rows));
}

async function show(
  { client, print, project }: CommandContext,
  name: string,
  options: { readonly action?: string },
): Promise<void> {
  const variable = await client.call({
    method: 'GET',
    path: `${project}/variables/${encodeURIComponent(name)}`,
    query: { action: options.action },
    answer: variableSchema,
  });
  if (print.json) {
    print.data(variable);
    return;
  }
  print.out(`${variable.name} = ${variable.sensitive ? '(sensitive)' : JSON.stringify(variable.value)}`);
  if (variable.description !== '') print.out(`  ${variable.description}`);
  print.out(`  of ${variable.action === null ? 'the project' : `the action ${variable.action}`}`);
  for (const { action, input } of variable.bind) print.out(`  goes to the input ${input} of ${action}`);
  print.out(`  set ${time(variable.updated_at)}`);
}

async function remove(
  { client, print, project }: CommandContext,
  name: string,
  options: { readonly action?: string },
): Promise<void> {
  await client.send({
    method: 'DELETE',
    path: `${project}/variables/${encodeURIComponent(name)}`,
    query: { action: options.action },
  });
  print.err(`Deleted ${name}.`);
}
