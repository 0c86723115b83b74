// `wayside principal …`: users and services.
import type { Command } from 'commander';
import { principalPageSchema, principalSchema } from '../../protocol/api/authority.ts';
import { acting, everything, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { table, time } from '../print.ts';

export function registerPrincipal(program: Command, surroundings: Surroundings): void {
  const principal = program.command('principal').description('users and services');
  principal
    .command('create <name>')
    .description('create a user, or a service with --service')
    .option('--service', 'for a program rather than a person')
    .addHelpText('after', examples('wayside principal create ada', 'wayside principal create ci --service'))
    .action(acting(surroundings, create));
  principal
    .command('list')
    .description('list users and services')
    .addHelpText('after', examples('wayside principal list'))
    .action(acting(surroundings, list));
  principal
    .command('show <principal>')
    .description('show a user or a service')
    .addHelpText('after', examples('wayside principal show ada'))
    .action(acting(surroundings, show));
  principal
    .command('disable <principal>')
    .description('stop all tokens of a principal at once; its name stays in the record')
    .addHelpText('after', examples('wayside principal disable ada'))
    .action(acting(surroundings, disable));
  principal
    .command('enable <principal>')
    .description('let a disabled principal in again; tokens of it that have not ended work again')
    .addHelpText('after', examples('wayside principal enable ada'))
    .action(acting(surroundings, enable));
}

async function create(
  { client, print }: CommandContext,
  name: string,
  options: { readonly service?: true },
): Promise<void> {
  const body = { name, kind: options.service === undefined ? 'user' : 'service' };
  const made = await client.call({ method: 'POST', path: '/v1/principals', body, answer: principalSchema });
  if (print.json) print.data(made);
  else print.out(`Created ${made.name}. Next: \`wayside binding create ${made.name} viewer\`.`);
}

async function list({ client, print }: CommandContext): Promise<void> {
  const principals = await everything(client, '/v1/principals', principalPageSchema);
  if (print.json) {
    print.data(principals);
    return;
  }
  const rows = principals.map((row) => [row.name, row.kind, row.disabled_at === null ? '' : 'disabled']);
  print.out(table(['NAME', 'KIND', ''], rows));
}

async function show({ client, print }: CommandContext, reference: string): Promise<void> {
  const path = `/v1/principals/${encodeURIComponent(reference)}`;
  const principal = await client.call({ method: 'GET', path, answer: principalSchema });
  if (print.json) {
    print.data(principal);
    return;
  }
  const { name, kind, id, disabled_at } = principal;
  print.out(`${name} (${kind})  ${id}${disabled_at === null ? '' : `, disabled ${time(disabled_at)}`}`);
}

async function disable({ client, print }: CommandContext, reference: string): Promise<void> {
  await client.send({ method: 'DELETE', path: `/v1/principals/${encodeURIComponent(reference)}` });
  print.err(`Disabled ${reference}.`);
}

async function enable({ client, print }: CommandContext, reference: string): Promise<void> {
  const path = `/v1/principals/${encodeURIComponent(reference)}/enable`;
  const enabled = await client.call({ method: 'POST', path, body: {}, answer: principalSchema });
  if (print.json) print.data(enabled);
  else print.out(`Enabled ${enabled.name}. Look at its tokens: \`wayside token list ${enabled.name}\`.`);
}
