// `wayside action …`: the buttons, and what they ask for.
import type { Command } from 'commander';
import { actionPageSchema, actionSchema, publishAllAnswerSchema } from '../../protocol/api/operations.ts';
import type { Action } from '../../protocol/api/operations.ts';
import { Failure } from '../../protocol/failures.ts';
import { acting, everything, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { isSensitive } from '../inputs.ts';
import { duration, table } from '../print.ts';
import type { Printer } from '../print.ts';

export function registerAction(program: Command, surroundings: Surroundings): void {
  const action = program.command('action').description('actions: what a button offers');
  action
    .command('create [name]')
    .description('offer an operation of a group as an action')
    .option('--group <group>', 'the group whose agents run it')
    .option('--operation <operation>', 'the label of the action block in the agent file; default: the name')
    .option('--description <text>', 'what it is for')
    .option(
      '--publish-all <group>',
      'instead: one action for everything that the agents of a group advertise',
    )
    .addHelpText(
      'after',
      examples(
        'wayside action create promote --group prod --operation promote',
        'wayside action create --publish-all prod',
      ),
    )
    .action(acting(surroundings, create));
  action
    .command('list')
    .description('list the actions')
    .addHelpText('after', examples('wayside action list'))
    .action(acting(surroundings, list));
  action
    .command('show <action>')
    .description('show an action and its inputs')
    .addHelpText('after', examples('wayside action show promote'))
    .action(acting(surroundings, show));
  action
    .command('delete <action>')
    .description('delete an action; its runs stay')
    .addHelpText('after', examples('wayside action delete promote'))
    .action(acting(surroundings, remove));
}

interface CreateOptions {
  readonly group?: string;
  readonly operation?: string;
  readonly description?: string;
  readonly publishAll?: string;
}

async function create(
  context: CommandContext,
  name: string | undefined,
  options: CreateOptions,
): Promise<void> {
  const { client, print, project } = context;
  if (options.publishAll !== undefined) return publishAll(context, options.publishAll);
  if (name === undefined || options.group === undefined) {
    throw new Failure('invalid_configuration', 'Give a name and --group, or --publish-all with a group.');
  }
  const action = await client.call({
    method: 'POST',
    path: `${project}/actions`,
    body: {
      name,
      group: options.group,
      operation: options.operation ?? name,
      ...(options.description === undefined ? {} : { description: options.description }),
    },
    answer: actionSchema,
  });
  if (print.json) print.data(action);
  else print.out(`Created the action ${action.name}.${nextStep(action)}`);
}

async function publishAll({ client, print, project }: CommandContext, group: string): Promise<void> {
  const { created, kept, skipped } = await client.call({
    method: 'POST',
    path: `${project}/actions/publish-all`,
    body: { group },
    answer: publishAllAnswerSchema,
  });
  if (print.json) {
    print.data({ created, kept, skipped });
    return;
  }
  for (const action of created) print.out(`Created the action ${action.name}.`);
  if (created.length === 0) print.out('Everything that the agents advertise has an action already.');
  if (kept.length > 0) print.err(`Kept: ${kept.join(' ')}`);
  for (const operation of skipped) {
    print.err(
      `No free name for ${operation}: \`wayside action create <name> --group ${group} --operation ${operation}\`.`,
    );
  }
}

async function list({ client, print, project }: CommandContext): Promise<void> {
  const actions = await everything(client, `${project}/actions`, actionPageSchema);
  if (print.json) {
    print.data(actions);
    return;
  }
  const rows = actions.map((action) => [
    action.name,
    `${action.group.name}/${action.operation}`,
    action.definition === null ? 'never advertised' : `${action.definition.agents_online} online`,
    String(action.runs),
    action.description,
  ]);
  print.out(table(['NAME', 'OPERATION', 'AGENTS', 'RUNS', 'DESCRIPTION'], rows));
}

async function show({ client, print, project }: CommandContext, reference: string): Promise<void> {
  const path = `${project}/actions/${encodeURIComponent(reference)}`;
  const action = await client.call({ method: 'GET', path, answer: actionSchema });
  if (print.json) print.data(action);
  else showAction(print, action);
}

async function remove({ client, print, project }: CommandContext, reference: string): Promise<void> {
  await client.send({ method: 'DELETE', path: `${project}/actions/${encodeURIComponent(reference)}` });
  print.err(`Deleted the action ${reference}.`);
}

function showAction(print: Printer, action: Action): void {
  print.out(`${action.name}  ${action.description}`.trimEnd());
  print.out(`  runs ${action.group.name}/${action.operation}`);
  const { definition } = action;
  if (definition === null) {
    print.out('  no agent of the group has advertised it yet');
    return;
  }
  print.out(`  ${definition.agents_online} agents online, timeout ${duration(definition.timeout_ms)}`);
  print.out(`  definition ${definition.digest}`);
  for (const line of inputLines(definition.inputs)) print.out(`  ${line}`);
}

function inputLines(inputs: NonNullable<Action['definition']>['inputs']): string[] {
  const properties = Object.entries(
    (inputs?.['properties'] ?? {}) as Record<string, Record<string, unknown>>,
  );
  const required = new Set((inputs?.['required'] ?? []) as string[]);
  return properties.map(([name, property]) => {
    const type = typeof property['type'] === 'string' ? property['type'] : 'any';
    const facts = [type, required.has(name) ? 'required' : 'optional'];
    if (Array.isArray(property['enum'])) facts.push(`one of ${property['enum'].join(', ')}`);
    if (typeof property['pattern'] === 'string') facts.push(`matches ${property['pattern']}`);
    if (isSensitive(inputs, name)) facts.push('sensitive');
    return `input ${name} (${facts.join(', ')}) ${String(property['description'] ?? '')}`.trimEnd();
  });
}

function nextStep(action: Action): string {
  return action.definition === null
    ? ' No agent advertises its operation yet; start one whose file defines it.'
    : ` Next: \`wayside run start ${action.name}\`.`;
}
