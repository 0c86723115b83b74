// `wayside group …`: create and list groups, and make the one-time token with which an agent joins one.
import type { Command } from 'commander';
import { groupPageSchema, groupSchema, joinTokenSchema } from '../../protocol/api/operations.ts';
import type { Group } from '../../protocol/api/operations.ts';
import { acting, everything, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { paint, table, time } from '../print.ts';
import { parseDuration } from '../duration.ts';

export function registerGroup(program: Command, surroundings: Surroundings): void {
  const group = program.command('group').description('groups of agents');
  group
    .command('create <name>')
    .description('create a group that agents can join')
    .option('--description <text>', 'what it is for')
    .option('--production', 'a person must approve each joining agent')
    .option('--pinned', 'new definitions run only after a person accepted them')
    .addHelpText('after', examples('wayside group create prod --production'))
    .action(acting(surroundings, create));
  group
    .command('list')
    .description('list the groups of the project')
    .addHelpText('after', examples('wayside group list'))
    .action(acting(surroundings, list));
  group
    .command('show <group>')
    .description('show a group')
    .addHelpText('after', examples('wayside group show prod'))
    .action(acting(surroundings, show));
  registerJoining(group, surroundings);
  group
    .command('delete <group>')
    .description('delete a group that nothing points to')
    .addHelpText('after', examples('wayside group delete prod'))
    .action(acting(surroundings, remove));
}

function registerJoining(group: Command, surroundings: Surroundings): void {
  group
    .command('token <group>')
    .description('make a one-time token with which one agent joins; prints the command for its machine')
    .option('--expires <duration>', 'how long it is good, for instance 15m or 2h', '15m')
    .option('--also <group...>', 'further groups that the agent may serve')
    .option('--network <cidr...>', 'addresses from which it may be used')
    .addHelpText(
      'after',
      '\nWhoever joins a group can read what is sent to it, secrets of its actions included.\n' +
        examples('wayside group token prod', 'wayside group token prod --expires 2h --network 10.0.0.0/8'),
    )
    .action(acting(surroundings, token));
  group
    .command('accept <group> <operation> <digest>')
    .description('accept a new definition in a pinned group')
    .addHelpText('after', examples('wayside group accept prod promote sha256:9f86d0…'))
    .action(acting(surroundings, accept));
}

async function create(
  { client, print, project }: CommandContext,
  name: string,
  options: { readonly description?: string; readonly production?: true; readonly pinned?: true },
): Promise<void> {
  const group = await client.call({
    method: 'POST',
    path: `${project}/groups`,
    body: { name, ...options },
    answer: groupSchema,
  });
  if (print.json) print.data(group);
  else print.out(`Created the group ${group.name}. Next: \`wayside group token ${group.name}\`.`);
}

async function list({ client, print, project }: CommandContext): Promise<void> {
  const groups = await everything(client, `${project}/groups`, groupPageSchema);
  if (print.json) {
    print.data(groups);
    return;
  }
  const rows = groups.map((group) => [
    group.name,
    `${group.agents.online}/${group.agents.total}`,
    String(group.queued),
    marksOf(group),
    time(group.created_at),
  ]);
  print.out(table(['NAME', 'ONLINE', 'QUEUED', 'RULES', 'CREATED'], rows));
}

async function show({ client, print, project }: CommandContext, reference: string): Promise<void> {
  const group = await client.call({
    method: 'GET',
    path: `${project}/groups/${encodeURIComponent(reference)}`,
    answer: groupSchema,
  });
  if (print.json) {
    print.data(group);
    return;
  }
  print.out(`${group.name}  ${group.description}`.trimEnd());
  print.out(`  agents online ${group.agents.online} of ${group.agents.total}, queued runs ${group.queued}`);
  if (marksOf(group) !== '') print.out(`  ${marksOf(group)}`);
}

async function token(
  { client, print, project }: CommandContext,
  reference: string,
  options: { readonly expires: string; readonly also?: string[]; readonly network?: string[] },
): Promise<void> {
  const made = await client.call({
    method: 'POST',
    path: `${project}/groups/${encodeURIComponent(reference)}/tokens`,
    body: {
      expires_in_ms: parseDuration(options.expires),
      groups: options.also ?? [],
      networks: options.network ?? [],
    },
    answer: joinTokenSchema,
  });
  if (print.json) {
    print.data(made);
    return;
  }
  print.out(made.command);
  print.err(
    `${paint(print, 'yellow', 'Once:')} the token works one time, until ${time(made.expires_at)}. ` +
      'Run the command on the machine of the agent. It can then read what is sent to these groups.',
  );
}

async function remove({ client, print, project }: CommandContext, reference: string): Promise<void> {
  await client.send({ method: 'DELETE', path: `${project}/groups/${encodeURIComponent(reference)}` });
  print.err(`Deleted the group ${reference}.`);
}

async function accept(
  { client, print, project }: CommandContext,
  reference: string,
  operation: string,
  digest: string,
): Promise<void> {
  await client.send({
    method: 'POST',
    path: `${project}/groups/${encodeURIComponent(reference)}/accepted-definitions`,
    body: { operation, digest },
  });
  print.err(`Accepted ${digest} for ${operation}.`);
}

function marksOf(group: Group): string {
  return [group.production ? 'production' : '', group.pinned ? 'pinned' : ''].filter(Boolean).join(', ');
}
