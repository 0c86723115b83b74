// `wayside identity-provider …`: OpenID Connect providers by which people sign in.
import type { Command } from 'commander';
import type { z } from 'zod';
import { identityProviderPageSchema, identityProviderSchema } from '../../protocol/api/sign-in.ts';
import { Failure } from '../../protocol/failures.ts';
import { readSecret } from '../ask.ts';
import { acting, everything, examples, many } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { table } from '../print.ts';

type Provider = z.output<typeof identityProviderSchema>;

export function registerIdentityProvider(program: Command, surroundings: Surroundings): void {
  const provider = program
    .command('identity-provider')
    .description('OpenID Connect providers by which people sign in');
  const create = provider
    .command('create <name>')
    .description('let people sign in by a provider')
    .requiredOption('--issuer <url>', 'where its metadata is found, as it calls itself')
    .requiredOption('--client-id <id>', 'what the provider knows us as');
  withSettings(create)
    .addHelpText(
      'after',
      examples(
        'wayside identity-provider create corp --issuer https://login.example.com --client-id wayside --client-secret-file secret',
        'wayside identity-provider create corp --issuer https://login.example.com --client-id wayside --public --create-users --teams-claim groups --team "sre=operators" --domain example.com',
      ),
    )
    .action(acting(surroundings, createProvider));
  provider
    .command('list')
    .description('list the providers')
    .addHelpText('after', examples('wayside identity-provider list'))
    .action(acting(surroundings, list));
  provider
    .command('show <provider>')
    .description('show a provider, with the address that it has to send people back to')
    .addHelpText('after', examples('wayside identity-provider show corp'))
    .action(acting(surroundings, show));
  const update = provider
    .command('update <provider>')
    .description('change a provider; lists that are given take the place of those that were')
    .option('--client-id <id>', 'what the provider knows us as')
    .option('--enable', 'people may sign in by it')
    .option('--disable', 'nobody may sign in by it')
    .option('--no-create-users', 'only who is linked may come in');
  withSettings(update)
    .addHelpText(
      'after',
      examples(
        'wayside identity-provider update corp --disable',
        'wayside identity-provider update corp --client-secret-file secret',
      ),
    )
    .action(acting(surroundings, updateProvider));
  provider
    .command('remove <provider>')
    .description('remove a provider; its users stay and are linked to it no more')
    .addHelpText('after', examples('wayside identity-provider remove corp'))
    .action(acting(surroundings, remove));
  provider
    .command('link <provider> <subject> <user>')
    .description('say which user a subject (`sub`) of a provider is')
    .addHelpText('after', examples('wayside identity-provider link corp 8f14e45f ada'))
    .action(acting(surroundings, link));
}

function withSettings(command: Command): Command {
  return command
    .option('--client-secret-file <file>', 'file with the secret of the client, - for standard input')
    .option('--public', 'the client has no secret')
    .option('--scopes <scopes>', 'what is asked for, beginning with openid')
    .option('--name-claim <claim>', 'whose value names a user who is made')
    .option('--teams-claim <claim>', 'whose values stand for teams')
    .option('--team <value=team>', 'a value of that claim, and the team; repeat for more', many, [])
    .option('--domain <domain>', 'whose verified addresses may come in; repeat for more', many, [])
    .option('--create-users', 'somebody who is not known becomes a user with the first sign-in');
}

interface Settings {
  readonly issuer?: string;
  readonly clientId?: string;
  readonly clientSecretFile?: string;
  readonly public?: true;
  readonly scopes?: string;
  readonly nameClaim?: string;
  readonly teamsClaim?: string;
  readonly team: readonly string[];
  readonly domain: readonly string[];
  readonly createUsers?: boolean;
  readonly enable?: true;
  readonly disable?: true;
}

const path = '/v1/identity-providers';
const pathOf = (provider: string): string => `${path}/${encodeURIComponent(provider)}`;

async function bodyOf(surroundings: Surroundings, settings: Settings): Promise<Record<string, unknown>> {
  const { clientSecretFile: file, team, domain } = settings;
  if (file !== undefined && settings.public === true) {
    throw new Failure('invalid_configuration', '--public and --client-secret-file say two things.');
  }
  if (settings.enable === true && settings.disable === true) {
    throw new Failure('invalid_configuration', '--enable and --disable say two things.');
  }
  const members = {
    issuer: settings.issuer,
    client_id: settings.clientId,
    client_secret: settings.public === true ? null : await secretOf(surroundings, file),
    scopes: settings.scopes,
    name_claim: settings.nameClaim,
    teams_claim: settings.teamsClaim,
    teams: team.length === 0 ? undefined : Object.fromEntries(team.map(pairOf)),
    allowed_domains: domain.length === 0 ? undefined : domain,
    creates_users: settings.createUsers,
    enabled: settings.enable ?? (settings.disable === true ? false : undefined),
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

async function secretOf(surroundings: Surroundings, file: string | undefined): Promise<string | undefined> {
  return file === undefined ? undefined : readSecret(surroundings, { file, prompt: 'Client secret' });
}

function pairOf(text: string): [string, string] {
  const at = text.lastIndexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new Failure('invalid_configuration', `--team ${text} is not of the form value=team.`);
}

async function createProvider(
  { client, print, surroundings }: CommandContext,
  name: string,
  settings: Settings,
): Promise<void> {
  const body = { name, ...(await bodyOf(surroundings, settings)) };
  const made = await client.call({ method: 'POST', path, body, answer: identityProviderSchema });
  if (print.json) print.data(made);
  else print.out(`Created ${made.name}. It has to send people back to ${made.redirect_uri}`);
}

async function list({ client, print }: CommandContext): Promise<void> {
  const providers = await everything(client, path, identityProviderPageSchema);
  if (print.json) {
    print.data(providers);
    return;
  }
  const rows = providers.map((row) => [row.name, row.issuer, row.client_id, row.enabled ? '' : 'disabled']);
  print.out(table(['NAME', 'ISSUER', 'CLIENT', ''], rows));
}

async function show({ client, print }: CommandContext, reference: string): Promise<void> {
  const provider = await read(client, reference);
  if (print.json) {
    print.data(provider);
    return;
  }
  const teams = Object.entries(provider.teams).map(([value, team]) => `${value}=${team}`);
  print.out(`${provider.name}  ${provider.id}${provider.enabled ? '' : '  disabled'}`);
  print.out(`issuer          ${provider.issuer}`);
  print.out(`client          ${provider.client_id}${provider.has_secret ? '' : ', public'}`);
  print.out(`sends back to   ${provider.redirect_uri}`);
  print.out(`scopes          ${provider.scopes}`);
  print.out(`names           ${provider.name_claim}`);
  print.out(
    `teams           ${provider.teams_claim ?? 'not told'}${teams.map((each) => `, ${each}`).join('')}`,
  );
  print.out(`domains         ${provider.allowed_domains.join(', ') || 'all'}`);
  print.out(`makes users     ${provider.creates_users ? 'yes' : 'no'}`);
}

function read(client: CommandContext['client'], reference: string): Promise<Provider> {
  return client.call({ method: 'GET', path: pathOf(reference), answer: identityProviderSchema });
}

async function updateProvider(
  { client, print, surroundings }: CommandContext,
  reference: string,
  settings: Settings,
): Promise<void> {
  const body = await bodyOf(surroundings, settings);
  const { revision } = await read(client, reference);
  const changed = await client.call({
    method: 'PATCH',
    path: pathOf(reference),
    body,
    headers: { 'if-match': `"${revision}"` },
    answer: identityProviderSchema,
  });
  if (print.json) print.data(changed);
  else print.out(`Changed ${changed.name}.`);
}

async function remove({ client, print }: CommandContext, reference: string): Promise<void> {
  const { revision } = await read(client, reference);
  await client.send({
    method: 'DELETE',
    path: pathOf(reference),
    headers: { 'if-match': `"${revision}"` },
  });
  print.err(`Removed ${reference}.`);
}

async function link(
  { client, print }: CommandContext,
  reference: string,
  subject: string,
  user: string,
): Promise<void> {
  const body = { subject, principal: user };
  await client.send({ method: 'POST', path: `${pathOf(reference)}/links`, body });
  print.err(`${subject} of ${reference} is ${user} now.`);
}
