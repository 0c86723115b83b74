// `wayside user …`: how people sign in, for those who let them in.
import type { Command } from 'commander';
import type { z } from 'zod';
import { principalSchema } from '../../protocol/api/authority.ts';
import { signInLinkCreatedSchema, signInMethodsSchema } from '../../protocol/api/sign-in.ts';
import { Failure } from '../../protocol/failures.ts';
import { selfReference } from '../../protocol/ids.ts';
import { acting, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import type { Client } from '../client.ts';
import { parseDuration } from '../duration.ts';
import { paint, time } from '../print.ts';

export function registerUser(program: Command, surroundings: Surroundings): void {
  const user = program.command('user').description('how people sign in');
  user
    .command('invite <name>')
    .description('make a one-time link by which a user, who is created if need be, sets a password')
    .option('--expires <duration>', 'for instance 30m; an hour without it, a day at the most')
    .addHelpText('after', examples('wayside user invite ada', 'wayside user invite ada --expires 30m'))
    .action(acting(surroundings, invite));
  user
    .command('reset <name>')
    .description('make a one-time link by which a user sets a new password; it ends all of their sessions')
    .option(
      '--remove-factors',
      'using it also removes authenticator application, passkeys and recovery codes',
    )
    .option('--expires <duration>', 'for instance 30m; an hour without it, a day at the most')
    .addHelpText('after', examples('wayside user reset ada', 'wayside user reset ada --remove-factors'))
    .action(acting(surroundings, reset));
  user
    .command('show [name]')
    .description('what you, or a user, can sign in with')
    .addHelpText('after', examples('wayside user show', 'wayside user show ada'))
    .action(acting(surroundings, show));
  user
    .command('sign-out [name]')
    .description('end all sessions of yours, or of a user, and forget the browsers')
    .addHelpText('after', examples('wayside user sign-out', 'wayside user sign-out ada'))
    .action(acting(surroundings, signOut));
}

interface LinkOptions {
  readonly expires?: string;
  readonly removeFactors?: true;
}

function pathOf(name: string | undefined, rest: string): string {
  return `/v1/principals/${encodeURIComponent(name ?? selfReference)}/${rest}`;
}

async function invite(context: CommandContext, name: string, options: LinkOptions): Promise<void> {
  await createIfMissing(context.client, name);
  await makeLink(context, { name, purpose: 'invite', options });
}

async function reset(context: CommandContext, name: string, options: LinkOptions): Promise<void> {
  await makeLink(context, { name, purpose: 'reset', options });
}

async function createIfMissing(client: Client, name: string): Promise<void> {
  try {
    const body = { name, kind: 'user' };
    await client.call({ method: 'POST', path: '/v1/principals', body, answer: principalSchema });
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'name_taken') throw error;
  }
}

async function makeLink(
  { client, print }: CommandContext,
  link: { readonly name: string; readonly purpose: 'invite' | 'reset'; readonly options: LinkOptions },
): Promise<void> {
  const { expires, removeFactors } = link.options;
  const made = await client.call({
    method: 'POST',
    path: pathOf(link.name, 'sign-in-links'),
    body: {
      purpose: link.purpose,
      ...(removeFactors === undefined ? {} : { removes_factors: true }),
      ...(expires === undefined ? {} : { expires_in_ms: parseDuration(expires) }),
    },
    answer: signInLinkCreatedSchema,
  });
  if (print.json) print.data(made);
  else print.out(made.url);
  print.err(
    `${paint(print, 'yellow', 'Once:')} whoever opens it sets the password of ${link.name}. ` +
      `Give it to nobody else; it lapses ${time(made.expires_at)}.`,
  );
}

async function show({ client, print }: CommandContext, name: string | undefined): Promise<void> {
  const methods = await client.call({
    method: 'GET',
    path: pathOf(name, 'sign-in'),
    answer: signInMethodsSchema,
  });
  if (print.json) {
    print.data(methods);
    return;
  }
  for (const line of describe(methods)) print.out(line);
}

function describe(methods: z.output<typeof signInMethodsSchema>): readonly string[] {
  const { password, totp, passkeys, recovery_codes, identity_providers } = methods;
  return [
    `password        ${password === null ? 'none' : `set ${time(password.changed_at)}`}`,
    `authenticator   ${totp === null ? 'none' : `set up ${time(totp.created_at)}`}`,
    ...passkeys.map(({ name, last_used_at }) => `passkey         ${name}, last used ${time(last_used_at)}`),
    `recovery codes  ${recovery_codes}`,
    ...identity_providers.map(({ provider, name }) => `provider        ${provider} as ${name}`),
  ];
}

async function signOut({ client, print }: CommandContext, name: string | undefined): Promise<void> {
  await client.send({ method: 'DELETE', path: pathOf(name, 'sessions') });
  print.err('Signed out everywhere. Tokens go on until they are revoked: `wayside token list`.');
}
