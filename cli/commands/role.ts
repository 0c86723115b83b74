// `wayside role …`: what a role gives, and roles of one's own.
import type { Command } from 'commander';
import { permissionListSchema, roleListSchema, roleSchema } from '../../protocol/api/policy.ts';
import { acting, examples, many } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { table } from '../print.ts';

export function registerRole(program: Command, surroundings: Surroundings): void {
  const role = program.command('role').description('roles: sets of permissions');
  role
    .command('create <name>')
    .description('make a role of permissions')
    .requiredOption('-p, --permission <permission>', 'one that it gives; repeat for more', many, [])
    .option('--description <text>', 'what it is for')
    .addHelpText(
      'after',
      examples('wayside role create presser -p wayside.run.start -p wayside.run.read -p wayside.action.read'),
    )
    .action(acting(surroundings, create));
  role
    .command('list')
    .description('list the roles, the built-in ones first')
    .addHelpText('after', examples('wayside role list'))
    .action(acting(surroundings, list));
  role
    .command('show <role>')
    .description('show what a role gives')
    .addHelpText('after', examples('wayside role show contributor'))
    .action(acting(surroundings, show));
  role
    .command('update <role>')
    .description('change what a role gives, for everybody who has it')
    .option('--add <permission>', 'one more; repeat for more', many, [])
    .option('--remove <permission>', 'one less; repeat for more', many, [])
    .option('--description <text>', 'what it is for')
    .addHelpText('after', examples('wayside role update presser --add wayside.run.cancel'))
    .action(acting(surroundings, update));
  role
    .command('delete <role>')
    .description('delete a role that nobody is bound to')
    .addHelpText('after', examples('wayside role delete presser'))
    .action(acting(surroundings, remove));
  role
    .command('permissions')
    .description('list all permissions that there are')
    .addHelpText('after', examples('wayside role permissions'))
    .action(acting(surroundings, permissions));
}

const pathOf = (reference: string): string => `/v1/roles/${encodeURIComponent(reference)}`;

async function create(
  { client, print }: CommandContext,
  name: string,
  options: { readonly permission: readonly string[]; readonly description?: string },
): Promise<void> {
  const { permission, ...rest } = options;
  const body = { name, permissions: permission, ...rest };
  const made = await client.call({ method: 'POST', path: '/v1/roles', body, answer: roleSchema });
  if (print.json) print.data(made);
  else print.out(`Made the role ${made.name} of ${made.permissions.length} permissions.`);
}

async function list({ client, print }: CommandContext): Promise<void> {
  const { items } = await client.call({ method: 'GET', path: '/v1/roles', answer: roleListSchema });
  if (print.json) {
    print.data(items);
    return;
  }
  const rows = items.map((row) => [
    row.name,
    row.built_in ? 'built in' : `version ${row.version}`,
    String(row.permissions.length),
    row.description,
  ]);
  print.out(table(['NAME', '', 'PERMISSIONS', 'DESCRIPTION'], rows));
}

async function show({ client, print }: CommandContext, reference: string): Promise<void> {
  const role = await client.call({ method: 'GET', path: pathOf(reference), answer: roleSchema });
  if (print.json) {
    print.data(role);
    return;
  }
  print.out(`${role.name}  ${role.description}`.trimEnd());
  for (const permission of role.permissions) print.out(`  ${permission}`);
}

async function update(
  { client, print }: CommandContext,
  reference: string,
  options: {
    readonly add: readonly string[];
    readonly remove: readonly string[];
    readonly description?: string;
  },
): Promise<void> {
  const path = pathOf(reference);
  const before = await client.call({ method: 'GET', path, answer: roleSchema });
  const kept = before.permissions.filter((permission) => !options.remove.includes(permission));
  const changed = await client.call({
    method: 'PATCH',
    path,
    body: {
      permissions: [...kept, ...options.add],
      ...(options.description === undefined ? {} : { description: options.description }),
    },
    headers: { 'if-match': `"${before.version}"` },
    answer: roleSchema,
  });
  if (print.json) print.data(changed);
  else
    print.out(
      `${changed.name} has ${changed.permissions.length} permissions now (version ${changed.version}).`,
    );
}

async function remove({ client, print }: CommandContext, reference: string): Promise<void> {
  await client.send({ method: 'DELETE', path: pathOf(reference) });
  print.err(`Deleted the role ${reference}.`);
}

async function permissions({ client, print }: CommandContext): Promise<void> {
  const { items } = await client.call({
    method: 'GET',
    path: '/v1/permissions',
    answer: permissionListSchema,
  });
  if (print.json) {
    print.data(items);
    return;
  }
  const rows = items.map((row) => [row.name, row.sensitive ? 'asks to elevate' : '']);
  print.out(table(['PERMISSION', ''], rows));
}
