// `wayside client …`: applications of others in which people sign in with Wayside (OpenID Connect).
import type { Command } from 'commander';
import { clientCreatedSchema, clientPageSchema } from '../../protocol/api/oauth.ts';
import { acting, everything, examples, many } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { paint, table } from '../print.ts';

export function registerClient(program: Command, surroundings: Surroundings): void {
  const client = program
    .command('client')
    .description('applications of others in which people sign in with Wayside');
  client
    .command('create <name>')
    .description('register an application; its secret is shown once')
    .requiredOption('--redirect-uri <uri>', 'where browsers are sent back to; repeat for more', many, [])
    .option('--public', 'it runs on machines of people and keeps no secret')
    .addHelpText(
      'after',
      examples('wayside client create tickets --redirect-uri https://tickets.example/callback'),
    )
    .action(acting(surroundings, create));
  client
    .command('list')
    .description('list the applications')
    .addHelpText('after', examples('wayside client list'))
    .action(acting(surroundings, list));
  client
    .command('delete <id>')
    .description('forget an application; what people gave it ends')
    .addHelpText('after', examples('wayside client delete 0192f1c2-5a7b-7c3d-8e9f-0a1b2c3d4e5f'))
    .action(acting(surroundings, remove));
}

async function create(
  { client, print }: CommandContext,
  name: string,
  options: { readonly redirectUri: string[]; readonly public?: true },
): Promise<void> {
  const body = { name, redirect_uris: options.redirectUri, public: options.public === true };
  const made = await client.call({
    method: 'POST',
    path: '/v1/oauth-clients',
    body,
    answer: clientCreatedSchema,
  });
  if (print.json) print.data(made);
  else {
    print.out(`client id      ${made.id}`);
    if (made.client_secret !== null) print.out(`client secret  ${made.client_secret}`);
  }
  if (made.client_secret !== null)
    print.err(`${paint(print, 'yellow', 'Once:')} the secret is not shown again.`);
}

async function list({ client, print }: CommandContext): Promise<void> {
  const clients = await everything(client, '/v1/oauth-clients', clientPageSchema);
  if (print.json) {
    print.data(clients);
    return;
  }
  const rows = clients.map((row) => [
    row.id,
    row.name,
    row.public ? 'public' : 'with a secret',
    row.redirect_uris.join(' '),
  ]);
  print.out(table(['CLIENT ID', 'NAME', '', 'REDIRECTS'], rows));
}

async function remove({ client, print }: CommandContext, id: string): Promise<void> {
  await client.send({ method: 'DELETE', path: `/v1/oauth-clients/${encodeURIComponent(id)}` });
  print.err('Deleted.');
}
