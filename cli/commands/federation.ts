// `wayside federation …`: outside issuers whose tokens stand for a service, and `wayside token-key …`: the keys that
// sign our own.
import type { Command } from 'commander';
import {
  federationPageSchema,
  federationSchema,
  tokenKeyRotatedSchema,
  tokenKeysSchema,
} from '../../protocol/api/oauth.ts';
import { acting, everything, examples, many } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { table, time } from '../print.ts';

export function registerFederation(program: Command, surroundings: Surroundings): void {
  const federation = program
    .command('federation')
    .description('outside issuers (for instance of a CI system) whose tokens stand for a service');
  federation
    .command('create <name>')
    .description('accept tokens of an issuer for a service, where their claims satisfy a condition')
    .requiredOption('--service <service>', 'the service that they stand for')
    .requiredOption('--issuer <url>', 'as the issuer writes it in `iss`')
    .requiredOption('--audience <text>', 'one of these must be in `aud`; repeat for more', many, [])
    .requiredOption(
      '--condition <expression>',
      'over `claims`, with ==, !=, &&, ||, startswith, endswith, contains',
    )
    .option('--jwks-uri <url>', 'where its keys are, if discovery does not say')
    .option('--permission <permission>', 'all that its tokens may do; repeat for more', many, [])
    .addHelpText(
      'after',
      examples(
        `wayside federation create ci --service deployer --issuer https://ci.example --audience wayside --condition 'claims.repository == "acme/shop"'`,
      ),
    )
    .action(acting(surroundings, create));
  federation
    .command('list')
    .description('list the issuers and their conditions')
    .addHelpText('after', examples('wayside federation list'))
    .action(acting(surroundings, list));
  federation
    .command('delete <id>')
    .description('accept no more tokens of an issuer; what came through it ends')
    .addHelpText('after', examples('wayside federation delete 0192f1c2-5a7b-7c3d-8e9f-0a1b2c3d4e5f'))
    .action(acting(surroundings, remove));
  registerTokenKey(program, surroundings);
}

async function create(
  { client, print }: CommandContext,
  name: string,
  options: {
    readonly service: string;
    readonly issuer: string;
    readonly audience: string[];
    readonly condition: string;
    readonly jwksUri?: string;
    readonly permission: string[];
  },
): Promise<void> {
  const { service, issuer, audience, condition, jwksUri, permission } = options;
  const made = await client.call({
    method: 'POST',
    path: '/v1/federations',
    body: {
      name,
      service,
      issuer,
      audiences: audience,
      condition,
      ...(jwksUri === undefined ? {} : { jwks_uri: jwksUri }),
      ...(permission.length === 0 ? {} : { permissions: permission }),
    },
    answer: federationSchema,
  });
  if (print.json) print.data(made);
  else print.out(`Tokens of ${made.issuer} stand for ${made.service.name} where ${made.condition}.`);
}

async function list({ client, print }: CommandContext): Promise<void> {
  const federations = await everything(client, '/v1/federations', federationPageSchema);
  if (print.json) {
    print.data(federations);
    return;
  }
  const rows = federations.map(({ id, name, service, issuer, condition }) => [
    id,
    name,
    service.name,
    issuer,
    condition,
  ]);
  print.out(table(['ID', 'NAME', 'SERVICE', 'ISSUER', 'CONDITION'], rows));
}

async function remove({ client, print }: CommandContext, id: string): Promise<void> {
  await client.send({ method: 'DELETE', path: `/v1/federations/${encodeURIComponent(id)}` });
  print.err('Deleted.');
}

function registerTokenKey(program: Command, surroundings: Surroundings): void {
  const key = program.command('token-key').description('the keys that sign access tokens');
  key
    .command('list')
    .description('list the keys by which a token may be signed that is good now')
    .addHelpText('after', examples('wayside token-key list'))
    .action(acting(surroundings, listKeys));
  key
    .command('rotate')
    .description('sign by a fresh key; tokens of the former one stay good until they lapse')
    .addHelpText('after', examples('wayside token-key rotate'))
    .action(acting(surroundings, rotate));
  key
    .command('remove <kid>')
    .description('end a former key at once, and every token that it signed')
    .addHelpText('after', examples('wayside token-key remove NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'))
    .action(acting(surroundings, removeKey));
}

async function listKeys({ client, print }: CommandContext): Promise<void> {
  const { items } = await client.call({ method: 'GET', path: '/v1/token-keys', answer: tokenKeysSchema });
  if (print.json) {
    print.data(items);
    return;
  }
  const rows = items.map((row) => [row.kid, row.state, time(row.created_at), time(row.not_after)]);
  print.out(table(['KEY', 'STATE', 'CREATED', 'ENDS'], rows));
}

async function rotate({ client, print }: CommandContext): Promise<void> {
  const path = '/v1/token-keys/rotate';
  const made = await client.call({ method: 'POST', path, answer: tokenKeyRotatedSchema });
  if (print.json) print.data(made);
  else print.out(`Tokens are signed by ${made.kid} from now on.`);
}

async function removeKey({ client, print }: CommandContext, kid: string): Promise<void> {
  await client.send({ method: 'DELETE', path: `/v1/token-keys/${encodeURIComponent(kid)}` });
  print.err('Removed.');
}
