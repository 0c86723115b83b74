// `wayside binding …`: who has which role where.
import type { Command } from 'commander';
import { bindingPageSchema, bindingSchema } from '../../protocol/api/authority.ts';
import { acting, everything, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { table } from '../print.ts';

export function registerBinding(program: Command, surroundings: Surroundings): void {
  const binding = program.command('binding').description('who has which role where');
  binding
    .command('create <principal> <role>')
    .description('give a role: owner, admin, contributor or viewer')
    .option('--on <level>', '`organization` or `projects/<p>`', 'organization')
    .addHelpText(
      'after',
      examples(
        'wayside binding create ada contributor --on projects/default',
        'wayside binding create ops admin',
      ),
    )
    .action(acting(surroundings, create));
  binding
    .command('list')
    .description('list the bindings of the organization and its projects')
    .option('--on <level>', 'only those of `projects/<p>`')
    .addHelpText('after', examples('wayside binding list', 'wayside binding list --on projects/shop'))
    .action(acting(surroundings, list));
  binding
    .command('delete <id>')
    .description('take a role away')
    .addHelpText('after', examples('wayside binding delete 0192f1c2-5a7b-7c3d-8e9f-0a1b2c3d4e5f'))
    .action(acting(surroundings, remove));
}

async function create(
  { client, print }: CommandContext,
  principal: string,
  role: string,
  options: { readonly on: string },
): Promise<void> {
  const body = { principal, role, level: options.on };
  const made = await client.call({ method: 'POST', path: '/v1/bindings', body, answer: bindingSchema });
  if (print.json) print.data(made);
  else print.out(`${made.principal.name} is ${made.role} on ${options.on}.`);
}

async function list({ client, print }: CommandContext, options: { readonly on?: string }): Promise<void> {
  const project = options.on?.replace(/^projects\//, '');
  const path =
    project === undefined || project === 'organization'
      ? '/v1/bindings'
      : `/v1/bindings?project=${encodeURIComponent(project)}`;
  const bindings = await everything(client, path, bindingPageSchema);
  if (print.json) {
    print.data(bindings);
    return;
  }
  const rows = bindings.map((row) => [row.id, row.principal.name, row.role, row.level]);
  print.out(table(['ID', 'PRINCIPAL', 'ROLE', 'ON'], rows));
}

async function remove({ client, print }: CommandContext, id: string): Promise<void> {
  await client.send({ method: 'DELETE', path: `/v1/bindings/${encodeURIComponent(id)}` });
  print.err('Taken away.');
}
