// `wayside login`: checks a token against the server and stores it; `logout` forgets it, `whoami` shows who it is.
import { rm } from 'node:fs/promises';
import type { Command } from 'commander';
import { whoamiSchema } from '../../protocol/api/authority.ts';
import { readSecret } from '../ask.ts';
import { acting } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { openClient } from '../client.ts';
import { configPath, readConfigFile, writeConfigFile } from '../config.ts';
import { time } from '../print.ts';

export function registerLogin(program: Command, surroundings: Surroundings): void {
  program
    .command('login')
    .description('sign in: checks a token and stores it in ~/.config/wayside/config.json (mode 0600)')
    .option(
      '--token-file <file>',
      'read the token from a file, - for standard input; without it you are asked',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  wayside login\n  wayside login --url https://wayside.internal --token-file token',
    )
    .action(acting(surroundings, login));
  program.command('logout').description('forget the stored token').action(acting(surroundings, logout));
  program
    .command('whoami')
    .description('who the token belongs to and which roles that principal has')
    .action(acting(surroundings, whoami));
}

async function login(
  { client, print, surroundings }: CommandContext,
  options: { readonly tokenFile?: string },
): Promise<void> {
  const token = await readSecret(surroundings, { file: options.tokenFile, prompt: 'Token' });
  const config = { ...client.config, token };
  const signedIn = openClient(config);
  try {
    const me = await signedIn.call({ method: 'GET', path: '/v1/whoami', answer: whoamiSchema });
    const path = configPath(surroundings.environment);
    const { ca, project, url } = config;
    await writeConfigFile(path, {
      ...(await readConfigFile(path)),
      url,
      project,
      token,
      ...(ca === null ? {} : { ca }),
    });
    if (print.json) print.out(JSON.stringify(me));
    else print.out(`Signed in to ${url} as ${me.principal.name}.`);
  } finally {
    await signedIn.close();
  }
}

async function logout({ print, surroundings }: CommandContext): Promise<void> {
  await rm(configPath(surroundings.environment), { force: true });
  print.err('Signed out. The token itself still works until it is revoked: `wayside token revoke`.');
}

async function whoami({ client, print }: CommandContext): Promise<void> {
  const me = await client.call({ method: 'GET', path: '/v1/whoami', answer: whoamiSchema });
  if (print.json) {
    print.out(JSON.stringify(me));
    return;
  }
  print.out(`${me.principal.name} (${me.principal.kind}) of ${me.organization.name}`);
  for (const { role, resource } of me.roles) print.out(`  ${role} on ${resource}`);
  print.out(`  token ${me.token.name}, expires ${time(me.token.expires_at)}`);
}
