// `wayside service …`: programs that act by themselves, and what they ask for tokens with.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { principalSchema } from '../../protocol/api/authority.ts';
import { credentialCreatedSchema, credentialPageSchema } from '../../protocol/api/oauth.ts';
import { Failure } from '../../protocol/failures.ts';
import { parseJson } from '../../protocol/json.ts';
import { acting, everything, examples, many } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { parseDuration } from '../duration.ts';
import { paint, table, time } from '../print.ts';

export function registerService(program: Command, surroundings: Surroundings): void {
  const service = program.command('service').description('programs that act by themselves');
  service
    .command('create <name>')
    .description('create a service; it can do nothing until it has a role')
    .addHelpText('after', examples('wayside service create ci'))
    .action(acting(surroundings, create));
  const credential = service
    .command('credential')
    .description('what a service asks for tokens with (OAuth 2 client credentials)');
  credential
    .command('create <service>')
    .description('give a service a client id and a secret, shown once, or let it sign with its own key')
    .requiredOption('--name <name>', 'what it is for')
    .option('--key-file <file>', 'public key (JWK) of the service, instead of a secret')
    .option('--permission <permission>', 'all that its tokens may do; repeat for more', many, [])
    .option('--audience <uri>', 'a resource that the service itself serves; repeat for more', many, [])
    .option('--bound', 'its tokens are bound to a key (DPoP) and worth nothing without it')
    .option('--expires <duration>', 'for instance 90d')
    .addHelpText(
      'after',
      examples(
        'wayside service credential create ci --name pipeline --expires 90d',
        'wayside service credential create ci --name laptop --key-file public.jwk --permission wayside.run.start',
      ),
    )
    .action(acting(surroundings, createCredential));
  credential
    .command('list <service>')
    .description('list the credentials of a service')
    .addHelpText('after', examples('wayside service credential list ci'))
    .action(acting(surroundings, list));
  credential
    .command('revoke <id>')
    .description('revoke a credential; the tokens that it brought end with it')
    .addHelpText('after', examples('wayside service credential revoke 0192f1c2-5a7b-7c3d-8e9f-0a1b2c3d4e5f'))
    .action(acting(surroundings, revoke));
}

async function create({ client, print }: CommandContext, name: string): Promise<void> {
  const body = { name, kind: 'service' };
  const made = await client.call({ method: 'POST', path: '/v1/principals', body, answer: principalSchema });
  if (print.json) print.data(made);
  else print.out(`Created ${name}. Next: \`wayside service credential create ${name} --name first\`.`);
}

function credentialsOf(service: string): string {
  return `/v1/principals/${encodeURIComponent(service)}/credentials`;
}

async function createCredential(
  { client, print }: CommandContext,
  service: string,
  options: {
    readonly name: string;
    readonly keyFile?: string;
    readonly permission: string[];
    readonly audience: string[];
    readonly bound?: true;
    readonly expires?: string;
  },
): Promise<void> {
  const { name, keyFile, permission, audience, bound, expires } = options;
  const made = await client.call({
    method: 'POST',
    path: credentialsOf(service),
    body: {
      name,
      ...(keyFile === undefined ? {} : { keys: [await readKey(keyFile)] }),
      ...(permission.length === 0 ? {} : { permissions: permission }),
      ...(audience.length === 0 ? {} : { audiences: audience }),
      ...(bound === undefined ? {} : { bound }),
      ...(expires === undefined ? {} : { expires_in_ms: parseDuration(expires) }),
    },
    answer: credentialCreatedSchema,
  });
  if (print.json) print.data(made);
  else {
    print.out(`client id      ${made.id}`);
    if (made.client_secret !== null) print.out(`client secret  ${made.client_secret}`);
  }
  if (made.client_secret === null) return;
  const until = made.expires_at === null ? 'it does not expire' : `it expires ${time(made.expires_at)}`;
  print.err(`${paint(print, 'yellow', 'Once:')} the secret is not shown again; ${until}.`);
}

async function readKey(path: string): Promise<unknown> {
  try {
    return parseJson(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new Failure('invalid_configuration', `${path} is no key in JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
}

async function list({ client, print }: CommandContext, service: string): Promise<void> {
  const credentials = await everything(client, credentialsOf(service), credentialPageSchema);
  if (print.json) {
    print.data(credentials);
    return;
  }
  const rows = credentials.map((row) => [
    row.id,
    row.name,
    row.kind.replace('_', ' '),
    row.permissions === null ? 'all' : String(row.permissions.length),
    time(row.expires_at),
    row.revoked_at === null ? '' : `revoked ${time(row.revoked_at)}`,
  ]);
  print.out(table(['CLIENT ID', 'NAME', 'BY', 'PERMISSIONS', 'EXPIRES', ''], rows));
}

async function revoke({ client, print }: CommandContext, id: string): Promise<void> {
  await client.send({ method: 'DELETE', path: `/v1/credentials/${encodeURIComponent(id)}` });
  print.err('Revoked.');
}
