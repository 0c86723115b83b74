// `wayside project …`: where everything else is.
import type { Command } from 'commander';
import { projectPageSchema, projectSchema } from '../../protocol/api/authority.ts';
import { acting, everything, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { table, time } from '../print.ts';

export function registerProject(program: Command, surroundings: Surroundings): void {
  const project = program.command('project').description('projects');
  project
    .command('create <name>')
    .description('create a project')
    .option('--description <text>', 'what it is for')
    .option('--in <folder>', 'the folder that it lies in; without it, the organization')
    .addHelpText('after', examples('wayside project create shop --description "The web shop" --in web'))
    .action(acting(surroundings, create));
  project
    .command('list')
    .description('list the projects that you may see')
    .addHelpText('after', examples('wayside project list'))
    .action(acting(surroundings, list));
  project
    .command('show <project>')
    .description('show a project')
    .addHelpText('after', examples('wayside project show shop'))
    .action(acting(surroundings, show));
  project
    .command('move <project>')
    .description('move a project into a folder; other bindings reach it at once')
    .option('--to <folder>', 'the folder; without it, the organization')
    .addHelpText('after', examples('wayside project move shop --to web', 'wayside project move shop'))
    .action(acting(surroundings, move));
  project
    .command('delete <project>')
    .description('delete a project that nothing hangs on')
    .addHelpText('after', examples('wayside project delete shop'))
    .action(acting(surroundings, remove));
}

async function create(
  { client, print }: CommandContext,
  name: string,
  options: { readonly description?: string; readonly in?: string },
): Promise<void> {
  const path = '/v1/projects';
  const { in: folder, ...rest } = options;
  const body = { name, ...rest, ...(folder === undefined ? {} : { folder }) };
  const made = await client.call({ method: 'POST', path, body, answer: projectSchema });
  if (print.json) print.data(made);
  else print.out(`Created the project ${made.name}. Use it with --project ${made.name} or WAYSIDE_PROJECT.`);
}

async function list({ client, print }: CommandContext): Promise<void> {
  const projects = await everything(client, '/v1/projects', projectPageSchema);
  if (print.json) {
    print.data(projects);
    return;
  }
  const rows = projects.map(({ name, folder, created_at, description }) => [
    name,
    folder?.name ?? '',
    time(created_at),
    description,
  ]);
  print.out(table(['NAME', 'IN', 'CREATED', 'DESCRIPTION'], rows));
}

async function show({ client, print }: CommandContext, reference: string): Promise<void> {
  const path = `/v1/projects/${encodeURIComponent(reference)}`;
  const project = await client.call({ method: 'GET', path, answer: projectSchema });
  if (print.json) print.data(project);
  else print.out(`${project.name}  ${project.id}  ${project.description}`.trimEnd());
}

async function move(
  { client, print }: CommandContext,
  reference: string,
  { to = null }: { readonly to?: string | null },
): Promise<void> {
  const path = `/v1/projects/${encodeURIComponent(reference)}`;
  const { revision } = await client.call({ method: 'GET', path, answer: projectSchema });
  const moved = await client.call({
    method: 'POST',
    path: `${path}/move`,
    body: { folder: to },
    headers: { 'if-match': `"${revision}"` },
    answer: projectSchema,
  });
  if (print.json) print.data(moved);
  else print.out(`${moved.name} lies in ${moved.folder?.name ?? 'the organization'} now.`);
}

async function remove({ client, print }: CommandContext, reference: string): Promise<void> {
  await client.send({ method: 'DELETE', path: `/v1/projects/${encodeURIComponent(reference)}` });
  print.err(`Deleted the project ${reference}.`);
}
