// `wayside team …`: principals that others are members of.
import type { Command } from 'commander';
import { memberPageSchema, teamPageSchema, teamSchema } from '../../protocol/api/policy.ts';
import { acting, everything, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { table, time } from '../print.ts';

export function registerTeam(program: Command, surroundings: Surroundings): void {
  const team = program.command('team').description('teams, whose members have what the team has');
  team
    .command('create <name>')
    .description('create a team')
    .addHelpText('after', examples('wayside team create operators'))
    .action(acting(surroundings, create));
  team
    .command('list')
    .description('list the teams')
    .addHelpText('after', examples('wayside team list'))
    .action(acting(surroundings, list));
  team
    .command('members <team>')
    .description('list who is directly in a team')
    .addHelpText('after', examples('wayside team members operators'))
    .action(acting(surroundings, members));
  team
    .command('add <team> <member>')
    .description('let a user, a service or a team into a team')
    .addHelpText('after', examples('wayside team add operators ada'))
    .action(acting(surroundings, add));
  team
    .command('remove <team> <member>')
    .description('take a member out of a team')
    .addHelpText('after', examples('wayside team remove operators ada'))
    .action(acting(surroundings, remove));
  team
    .command('delete <team>')
    .description('delete a team with its bindings')
    .addHelpText('after', examples('wayside team delete operators'))
    .action(acting(surroundings, removeTeam));
}

const pathOf = (reference: string): string => `/v1/teams/${encodeURIComponent(reference)}`;
const memberPath = (team: string, member: string): string =>
  `${pathOf(team)}/members/${encodeURIComponent(member)}`;

async function create({ client, print }: CommandContext, name: string): Promise<void> {
  const made = await client.call({ method: 'POST', path: '/v1/teams', body: { name }, answer: teamSchema });
  if (print.json) print.data(made);
  else print.out(`Created the team ${made.name}. Nobody is in it yet.`);
}

async function list({ client, print }: CommandContext): Promise<void> {
  const teams = await everything(client, '/v1/teams', teamPageSchema);
  if (print.json) {
    print.data(teams);
    return;
  }
  print.out(
    table(
      ['NAME', 'CREATED'],
      teams.map(({ name, created_at }) => [name, time(created_at)]),
    ),
  );
}

async function members({ client, print }: CommandContext, team: string): Promise<void> {
  const rows = await everything(client, `${pathOf(team)}/members`, memberPageSchema);
  if (print.json) {
    print.data(rows);
    return;
  }
  const lines = rows.map((row) => [
    row.name,
    row.kind,
    row.source,
    time(row.added_at),
    row.disabled ? 'disabled' : '',
  ]);
  print.out(table(['NAME', 'KIND', 'KEPT BY', 'ADDED', ''], lines));
}

async function add({ client, print }: CommandContext, team: string, member: string): Promise<void> {
  await client.send({ method: 'PUT', path: memberPath(team, member) });
  print.err(`${member} is in ${team}.`);
}

async function remove({ client, print }: CommandContext, team: string, member: string): Promise<void> {
  await client.send({ method: 'DELETE', path: memberPath(team, member) });
  print.err(`${member} is not in ${team} any more.`);
}

async function removeTeam({ client, print }: CommandContext, team: string): Promise<void> {
  await client.send({ method: 'DELETE', path: pathOf(team) });
  print.err(`Deleted the team ${team}.`);
}
