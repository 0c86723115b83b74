// `wayside login`: checks a token against the server and stores it; `logout` forgets it, `whoami` shows who it is.
import { readFile, rm } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Command } from 'commander';
import { whoamiSchema } from '../../protocol/api/authority.ts';
import { Failure } from '../../protocol/failures.ts';
import { readSecret } from '../ask.ts';
import { acting, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { openClient } from '../client.ts';
import { configPath, writeConfigFile } from '../config.ts';
import { time } from '../print.ts';

export function registerLogin(program: Command, surroundings: Surroundings): void {
  program
    .command('login')
    .description('sign in: checks a token and stores it in ~/.config/wayside/config.json (mode 0600)')
    .option(
      '--token-file <file>',
      'read the token from a file, - for standard input; without it you are asked',
    )
    .option(
      '--ca-file <file>',
      'certificate (PEM) of the authority behind the server, where it is no public one',
    )
    .addHelpText(
      'after',
      examples(
        'wayside login',
        'wayside login --url https://wayside.internal --ca-file ca.pem --token-file token',
      ),
    )
    .action(acting(surroundings, login));
  program
    .command('logout')
    .description('forget the stored token')
    .addHelpText('after', examples('wayside logout'))
    .action(acting(surroundings, logout));
  program
    .command('whoami')
    .description('who the token belongs to and which roles that principal has')
    .addHelpText('after', examples('wayside whoami', 'wayside --json whoami'))
    .action(acting(surroundings, whoami));
}

async function login(
  { client, print, surroundings }: CommandContext,
  options: { readonly tokenFile?: string; readonly caFile?: string },
): Promise<void> {
  const ca = options.caFile === undefined ? client.config.ca : await readAuthority(options.caFile);
  const token = await readSecret(surroundings, { file: options.tokenFile, prompt: 'Token' });
  const config = { ...client.config, ca, token };
  const signedIn = openClient(config);
  try {
    const me = await signedIn.call({ method: 'GET', path: '/v1/whoami', answer: whoamiSchema });
    const { project, url } = config;
    const file = { url, project, token, ...(ca === null ? {} : { ca }) };
    await writeConfigFile(configPath(surroundings.environment), file);
    if (print.json) print.data(me);
    else print.out(`Signed in to ${url} as ${me.principal.name}.`);
    if ((surroundings.environment['WAYSIDE_TOKEN'] ?? '') !== '') {
      print.err('WAYSIDE_TOKEN is set, too, and wins over what is stored now.');
    }
  } finally {
    await signedIn.close();
  }
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

async function logout({ print, surroundings }: CommandContext): Promise<void> {
  await rm(configPath(surroundings.environment), { force: true });
  print.err('Signed out. The token itself still works until it is revoked: `wayside token revoke`.');
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
}
