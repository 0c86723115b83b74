// `wayside folder …`: the tree that projects lie in.
import type { Command } from 'commander';
import { folderPageSchema, folderSchema } from '../../protocol/api/policy.ts';
import type { Folder } from '../../protocol/api/policy.ts';
import { acting, everything, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { table, time } from '../print.ts';

export function registerFolder(program: Command, surroundings: Surroundings): void {
  const folder = program.command('folder').description('folders, in which projects and folders lie');
  folder
    .command('create <name>')
    .description('create a folder')
    .option('--in <folder>', 'the folder around it; without it, it lies in the organization')
    .option('--description <text>', 'what it is for')
    .addHelpText('after', examples('wayside folder create web', 'wayside folder create shops --in web'))
    .action(acting(surroundings, create));
  folder
    .command('list')
    .description('list the folders that you may see')
    .addHelpText('after', examples('wayside folder list'))
    .action(acting(surroundings, list));
  folder
    .command('show <folder>')
    .description('show a folder')
    .addHelpText('after', examples('wayside folder show web'))
    .action(acting(surroundings, show));
  folder
    .command('move <folder>')
    .description('move a folder with all that lies in it; other bindings reach it at once')
    .option('--to <folder>', 'the folder around it from now on; without it, the organization')
    .addHelpText('after', examples('wayside folder move shops --to retail', 'wayside folder move shops'))
    .action(acting(surroundings, move));
  folder
    .command('delete <folder>')
    .description('delete an empty folder')
    .addHelpText('after', examples('wayside folder delete web'))
    .action(acting(surroundings, remove));
}

const pathOf = (reference: string): string => `/v1/folders/${encodeURIComponent(reference)}`;

async function create(
  { client, print }: CommandContext,
  name: string,
  options: { readonly in?: string; readonly description?: string },
): Promise<void> {
  const { in: parent, ...rest } = options;
  const body = { name, ...rest, ...(parent === undefined ? {} : { parent }) };
  const made = await client.call({ method: 'POST', path: '/v1/folders', body, answer: folderSchema });
  if (print.json) print.data(made);
  else print.out(`Created the folder ${made.name} in ${around(made)}.`);
}

async function list({ client, print }: CommandContext): Promise<void> {
  const folders = await everything(client, '/v1/folders', folderPageSchema);
  if (print.json) {
    print.data(folders);
    return;
  }
  const rows = folders.map((row) => [
    row.name,
    row.parent?.name ?? '',
    time(row.created_at),
    row.description,
  ]);
  print.out(table(['NAME', 'IN', 'CREATED', 'DESCRIPTION'], rows));
}

async function show({ client, print }: CommandContext, reference: string): Promise<void> {
  const folder = await client.call({ method: 'GET', path: pathOf(reference), answer: folderSchema });
  if (print.json) print.data(folder);
  else print.out(`${folder.name}  ${folder.id}  in ${around(folder)}  ${folder.description}`.trimEnd());
}

async function move(
  { client, print }: CommandContext,
  reference: string,
  { to = null }: { readonly to?: string | null },
): Promise<void> {
  const path = pathOf(reference);
  const { revision } = await client.call({ method: 'GET', path, answer: folderSchema });
  const moved = await client.call({
    method: 'POST',
    path: `${path}/move`,
    body: { folder: to },
    headers: { 'if-match': `"${revision}"` },
    answer: folderSchema,
  });
  if (print.json) print.data(moved);
  else print.out(`${moved.name} lies in ${around(moved)} now.`);
}

async function remove({ client, print }: CommandContext, reference: string): Promise<void> {
  await client.send({ method: 'DELETE', path: pathOf(reference) });
  print.err(`Deleted the folder ${reference}.`);
}

function around({ parent }: Folder): string {
  return parent === null ? 'the organization' : parent.name;
}
