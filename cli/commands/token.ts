// `wayside token …`: personal access tokens, one's own or somebody else's.
import type { Command } from 'commander';
import { tokenCreatedSchema, tokenPageSchema } from '../../protocol/api/authority.ts';
import { selfReference } from '../../protocol/ids.ts';
import { acting, everything, examples, many } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { parseDuration } from '../duration.ts';
import { paint, table, time } from '../print.ts';
import { registerTokenExchange } from './token-exchange.ts';

export function registerToken(program: Command, surroundings: Surroundings): void {
  const token = program.command('token').description('personal access tokens');
  token
    .command('create [principal]')
    .description('issue a token, for yourself unless a principal is named; it is shown once')
    .requiredOption('--name <text>', 'what it is for')
    .option('--expires <duration>', 'for instance 30d; one of your own ends no later than the one you use')
    .option('--permission <permission>', 'all that it may do; repeat for more', many, [])
    .addHelpText(
      'after',
      examples(
        'wayside token create --name laptop',
        'wayside token create ci --name pipeline --expires 30d --permission wayside.run.start --permission wayside.run.read',
      ),
    )
    .action(acting(surroundings, create));
  token
    .command('list [principal]')
    .description('list your tokens, or those of a principal')
    .addHelpText('after', examples('wayside token list', 'wayside token list ci'))
    .action(acting(surroundings, list));
  token
    .command('revoke <id>')
    .description('revoke a token; it stops working at once')
    .addHelpText('after', examples('wayside token revoke 0192f1c2-5a7b-7c3d-8e9f-0a1b2c3d4e5f'))
    .action(acting(surroundings, revoke));
  registerTokenExchange(token, surroundings);
}

function tokensOf(principal: string | undefined): string {
  return `/v1/principals/${encodeURIComponent(principal ?? selfReference)}/tokens`;
}

async function create(
  { client, print }: CommandContext,
  principal: string | undefined,
  options: { readonly name: string; readonly expires?: string; readonly permission: string[] },
): Promise<void> {
  const made = await client.call({
    method: 'POST',
    path: tokensOf(principal),
    body: {
      name: options.name,
      ...(options.expires === undefined ? {} : { expires_in_ms: parseDuration(options.expires) }),
      ...(options.permission.length === 0 ? {} : { permissions: options.permission }),
    },
    answer: tokenCreatedSchema,
  });
  if (print.json) print.data(made);
  else print.out(made.token);
  const until = made.expires_at === null ? 'it does not expire' : `it expires ${time(made.expires_at)}`;
  print.err(`${paint(print, 'yellow', 'Once:')} the token is not shown again; ${until}.`);
}

async function list({ client, print }: CommandContext, principal: string | undefined): Promise<void> {
  const tokens = await everything(client, tokensOf(principal), tokenPageSchema);
  if (print.json) {
    print.data(tokens);
    return;
  }
  const rows = tokens.map((row) => [
    row.id,
    row.name,
    row.permissions === null ? 'all' : String(row.permissions.length),
    time(row.last_used_at),
    time(row.expires_at),
    row.revoked_at === null ? '' : `revoked ${time(row.revoked_at)}`,
  ]);
  print.out(table(['ID', 'NAME', 'PERMISSIONS', 'LAST USED', 'EXPIRES', ''], rows));
}

async function revoke({ client, print }: CommandContext, id: string): Promise<void> {
  await client.send({ method: 'DELETE', path: `/v1/tokens/${encodeURIComponent(id)}` });
  print.err('Revoked.');
}
