// `wayside login`: signs in by a browser or with a token, and keeps what that brings; `logout` ends it, `whoami` shows
// who it is.
import { readFile, rm } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Command } from 'commander';
import type { z } from 'zod';
import { whoamiSchema } from '../../protocol/api/authority.ts';
import { serverMetadataSchema } from '../../protocol/api/oauth.ts';
import { Failure } from '../../protocol/failures.ts';
import { readSecret } from '../ask.ts';
import { acting, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { openClient } from '../client.ts';
import type { Client } from '../client.ts';
import { configPath, readConfigFile, writeConfigFile } from '../config.ts';
import { time } from '../print.ts';
import { signInByDevice } from '../sign-in-by-device.ts';
import { clientId, revocationPath, signInOf } from '../sign-in.ts';

export function registerLogin(program: Command, surroundings: Surroundings): void {
  program
    .command('login')
    .description('sign in by a browser, or with a token; kept in ~/.config/wayside/config.json (mode 0600)')
    .option('--with-token', 'with a token: you are asked for it, or it comes from standard input')
    .option('--token-file <file>', 'with a token from a file, - for standard input')
    .option('--device', 'by a browser also where standard input is no terminal')
    .option(
      '--ca-file <file>',
      'certificate (PEM) of the authority behind the server, where it is no public one',
    )
    .addHelpText(
      'after',
      examples(
        'wayside login',
        'wayside login --with-token',
        'wayside login --url https://wayside.internal --ca-file ca.pem --token-file token',
      ),
    )
    .action(acting(surroundings, login));
  program
    .command('logout')
    .description('end the sign-in, or forget the stored token')
    .addHelpText('after', examples('wayside logout'))
    .action(acting(surroundings, logout));
  program
    .command('whoami')
    .description('who the token belongs to and which roles that principal has')
    .addHelpText('after', examples('wayside whoami', 'wayside --json whoami'))
    .action(acting(surroundings, whoami));
}

interface LoginOptions {
  readonly withToken?: true;
  readonly tokenFile?: string;
  readonly device?: true;
  readonly caFile?: string;
}

async function login({ client, print, surroundings }: CommandContext, options: LoginOptions): Promise<void> {
  const ca = options.caFile === undefined ? client.config.ca : await readAuthority(options.caFile);
  const { project, url } = client.config;
  const asNobody = openClient({ url, project, ca, token: null });
  try {
    const kept = (await isForBrowser(asNobody, surroundings, options))
      ? signInOf(await signInByDevice(asNobody, print))
      : { token: await readSecret(surroundings, { file: options.tokenFile, prompt: 'Token' }) };
    const signedIn = openClient({ url, project, ca, token: kept.token });
    try {
      const me = await signedIn.call({ method: 'GET', path: '/v1/whoami', answer: whoamiSchema });
      const file = { url, project, ...kept, ...(ca === null ? {} : { ca }) };
      await writeConfigFile(configPath(surroundings.environment), file);
      if (print.json) print.data(me);
      else {
        print.out(`Signed in to ${url} as ${me.principal.name}.`);
        showSupport(print, me);
      }
    } finally {
      await signedIn.close();
    }
  } finally {
    await asNobody.close();
  }
  if ((surroundings.environment['WAYSIDE_TOKEN'] ?? '') !== '') {
    print.err('WAYSIDE_TOKEN is set, too, and wins over what is stored now.');
  }
}

/** By a browser, where the server can and nobody hands us a token; what is piped in is one. */
async function isForBrowser(
  client: Client,
  { stdin }: Surroundings,
  { withToken, tokenFile, device }: LoginOptions,
): Promise<boolean> {
  if (withToken !== undefined || tokenFile !== undefined) return false;
  if (device === undefined && !stdin.isTTY) return false;
  const path = '/.well-known/oauth-authorization-server';
  const metadata = await client.call({ method: 'GET', path, answer: serverMetadataSchema });
  if (metadata.device_authorization_endpoint !== undefined) return true;
  if (device === undefined) return false;
  throw new Failure('not_signed_in', 'Nobody can sign in at this server by a browser. Use a token.');
}

async function readAuthority(path: string): Promise<string> {
  try {
    const pem = await readFile(path, 'utf8');
    createSecureContext({ ca: pem });
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error('it holds no certificate in PEM');
    return pem;
  } catch (cause) {
    throw new Failure('invalid_configuration', `${path} cannot be used: ${(cause as Error).message}.`, {
      cause,
    });
  }
}

async function logout({ client, print, surroundings }: CommandContext): Promise<void> {
  const path = configPath(surroundings.environment);
  const { sign_in: signIn } = await readConfigFile(path);
  if (signIn === undefined) {
    await rm(path, { force: true });
    print.err('Signed out. The token itself still works until it is revoked: `wayside token revoke`.');
    return;
  }
  const form = { client_id: clientId, token: signIn.refresh_token, token_type_hint: 'refresh_token' };
  const answer = await client.form(revocationPath, form).catch(() => null);
  await rm(path, { force: true });
  print.err(
    answer?.status === 200
      ? 'Signed out, here and at the server.'
      : 'Signed out here. The server could not be told; its tokens lapse by themselves.',
  );
}

async function whoami({ client, print }: CommandContext): Promise<void> {
  const me = await client.call({ method: 'GET', path: '/v1/whoami', answer: whoamiSchema });
  if (print.json) {
    print.data(me);
    return;
  }
  print.out(`${me.principal.name} (${me.principal.kind}) of ${me.organization.name}`);
  for (const { role, resource } of me.roles) print.out(`  ${role} on ${resource}`);
  print.out(`  token ${me.token.name}, expires ${time(me.token.expires_at)}`);
  showSupport(print, me);
}

/** Nothing where there is nothing, or somebody else decides about it. */
function showSupport(print: CommandContext['print'], { support }: z.output<typeof whoamiSchema>): void {
  const { requested, in_force: inForce } = support ?? { requested: 0, in_force: 0 };
  if (requested > 0) print.out(`Support access is asked for (${requested}): wayside support list`);
  if (inForce > 0) print.out(`Support access is in force (${inForce}): wayside support list --in-force`);
}
