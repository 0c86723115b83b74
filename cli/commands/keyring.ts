// `wayside keyring …`: the versions of the key that everything secret is stored under.
import type { Command } from 'commander';
import { keyringRotatedSchema, keyringSchema } from '../../protocol/api/store.ts';
import { acting, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { parseCount } from '../numbers.ts';
import { table, time } from '../print.ts';

const versionMax = 1_000_000;

export function registerKeyring(program: Command, surroundings: Surroundings): void {
  const keyring = program.command('keyring').description('the key that everything secret is stored under');
  keyring
    .command('list')
    .description('list its versions and what still needs them; no key is shown')
    .addHelpText('after', examples('wayside keyring list'))
    .action(acting(surroundings, list));
  keyring
    .command('rotate')
    .description('make a new version and put every stored value under it')
    .addHelpText(
      'after',
      `${examples('wayside keyring rotate')}\n\nSave the keyring file again afterwards: a backup needs the version that it was made under.`,
    )
    .action(acting(surroundings, rotate));
  keyring
    .command('destroy <version>')
    .description('destroy a version that nothing needs any more, for good')
    .addHelpText(
      'after',
      `${examples('wayside keyring destroy 1')}\n\nBackups that were made under it cannot be opened any more.`,
    )
    .action(acting(surroundings, destroy));
}

async function list({ client, print }: CommandContext): Promise<void> {
  const { versions } = await client.call({ method: 'GET', path: '/v1/keyring', answer: keyringSchema });
  if (print.json) {
    print.data(versions);
    return;
  }
  const rows = versions.map((row) => [
    String(row.version),
    row.state.replace('_', ' '),
    String(row.references),
    time(row.created_at),
    time(row.retired_at),
  ]);
  print.out(table(['VERSION', 'STATE', 'NEEDED BY', 'CREATED', 'RETIRED'], rows));
}

async function rotate({ client, print }: CommandContext): Promise<void> {
  const path = '/v1/keyring/rotate';
  const rotated = await client.call({ method: 'POST', path, answer: keyringRotatedSchema });
  if (print.json) print.data(rotated);
  else
    print.out(`Version ${rotated.version} is in use; ${rotated.rewrapped} stored values are under it now.`);
}

async function destroy({ client, print }: CommandContext, text: string): Promise<void> {
  const version = parseCount(text, { name: 'A version', min: 1, max: versionMax });
  await client.send({ method: 'DELETE', path: `/v1/keyring/versions/${version}` });
  print.err(`Destroyed version ${version}.`);
}
