// `wayside pki list|show|create|rotate|retire|export|crl|revoke`: authorities come, take over and end.
import type { Command } from 'commander';
import { Argument } from 'commander';
import { authorityListSchema, authoritySchema, rotationSchema } from '../../protocol/api/pki.ts';
import type { PkiAuthority } from '../../protocol/api/pki.ts';
import { acting, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { paint, table, time } from '../print.ts';
import type { Printer } from '../print.ts';

/** As people write them; `_` in the API. */
const levels = ['root', 'intermediate', 'data-plane'] as const;

export function registerAuthorities(pki: Command, surroundings: Surroundings): void {
  pki
    .command('list')
    .description('list the authorities, what is in use of each, and what runs out')
    .option('--all', 'also those that were retired')
    .addHelpText('after', examples('wayside pki list', 'wayside pki list --all --json'))
    .action(acting(surroundings, list));
  pki
    .command('show <authority>')
    .description('show an authority: its id, its name, or a level for the active one')
    .addHelpText('after', examples('wayside pki show root', 'wayside pki show data-plane-2'))
    .action(acting(surroundings, show));
  pki
    .command('create')
    .description('make an authority that waits to take over')
    .addArgument(new Argument('<level>').choices(levels))
    .addHelpText(
      'after',
      `${examples('wayside pki create root')}\n\nAgents learn of a new root while they are connected, long before it issues anything.`,
    )
    .action(acting(surroundings, create));
  pki
    .command('rotate')
    .description('replace the active authority of a level and what is below it')
    .addArgument(new Argument('<level>').choices(levels))
    .option('--no-renew', 'do not ask connected agents to renew now; they do at two thirds of their life')
    .addHelpText(
      'after',
      `${examples('wayside pki rotate data-plane')}\n\nThe former ones stay accepted until \`wayside pki retire\`.`,
    )
    .action(acting(surroundings, rotate));
  pki
    .command('retire <authority>')
    .description('refuse what an authority issued from now on, and destroy its key')
    .option('--force', 'although certificates of it are in use: their agents have to be recovered')
    .addHelpText('after', examples('wayside pki retire data-plane-1', 'wayside pki retire root-1 --force'))
    .action(acting(surroundings, retire));
  pki
    .command('export <authority>')
    .description('print the certificate of an authority (PEM)')
    .addHelpText('after', examples('wayside pki export intermediate > intermediate.pem'))
    .action(acting(surroundings, exportCertificate));
  pki
    .command('crl <authority>')
    .description(
      'print where anybody can fetch the revocation list of an authority, and until when it is good',
    )
    .addHelpText('after', examples('wayside pki crl data-plane'))
    .action(acting(surroundings, crl));
  pki
    .command('revoke <serial>')
    .description(
      'put a certificate that a role issued on the revocation list; agents: `wayside agent revoke`',
    )
    .option('--reason <text>', 'for the record')
    .addHelpText('after', examples('wayside pki revoke 5AF3 --reason "the host was sold"'))
    .action(acting(surroundings, revoke));
}

async function list({ client, print }: CommandContext, options: { readonly all?: true }): Promise<void> {
  const { items } = await client.call({
    method: 'GET',
    path: '/v1/pki/authorities',
    answer: authorityListSchema,
  });
  const shown = items.filter(({ state }) => options.all === true || state !== 'retired');
  if (print.json) {
    print.data(shown);
    return;
  }
  const rows = shown.map((authority) => [
    authority.name,
    authority.state,
    authority.parent ?? '',
    authority.key,
    String(authority.live_leaves),
    time(authority.not_after),
  ]);
  print.out(table(['NAME', 'STATE', 'BELOW', 'KEY', 'IN USE', 'NOT AFTER'], rows));
  for (const authority of shown) warn(print, authority);
}

async function show({ client, print }: CommandContext, reference: string): Promise<void> {
  const authority = await client.call({ method: 'GET', path: pathOf(reference), answer: authoritySchema });
  showAuthority(print, authority);
}

export function showAuthority(print: Printer, authority: PkiAuthority): void {
  if (print.json) {
    print.data(authority);
    return;
  }
  print.out(`${authority.name} (${authority.level.replace('_', '-')}), ${authority.state}`);
  print.out(`  id          ${authority.id}`);
  if (authority.parent !== null) print.out(`  below       ${authority.parent}`);
  print.out(`  key         ${authority.key}`);
  if (authority.fingerprint !== null) print.out(`  sha256      ${authority.fingerprint}`);
  if (authority.not_after !== null) print.out(`  not after   ${time(authority.not_after)}`);
  const until = authority.live_until === null ? '' : `, the last until ${time(authority.live_until)}`;
  print.out(`  in use      ${authority.live_leaves} certificates${until}`);
  print.out(`  list        ${authority.crl_path}`);
  warn(print, authority);
}

function warn(print: Printer, authority: PkiAuthority): void {
  for (const warning of authority.warnings) print.err(`${paint(print, 'yellow', 'Warning:')} ${warning}`);
}

async function create({ client, print }: CommandContext, level: string): Promise<void> {
  const authority = await client.call({
    method: 'POST',
    path: '/v1/pki/authorities',
    body: { level: level.replace('-', '_') },
    answer: authoritySchema,
  });
  if (print.json) print.data(authority);
  else print.out(`${authority.name} waits; \`wayside pki rotate ${level}\` lets it take over.`);
  if (!print.json) warn(print, authority);
}

async function rotate(
  { client, print }: CommandContext,
  level: string,
  options: { readonly renew: boolean },
): Promise<void> {
  const rotation = await client.call({
    method: 'POST',
    path: '/v1/pki/rotations',
    body: { level: level.replace('-', '_'), renew_agents: options.renew },
    answer: rotationSchema,
  });
  if (print.json) {
    print.data(rotation);
    return;
  }
  print.out(`${rotation.activated.join(', ')} issue from now on.`);
  const [first = ''] = rotation.former;
  print.err(`${rotation.former.join(', ')} stay accepted. When nothing of them is in use any more:`);
  print.err(`  wayside pki retire ${first}`);
}

async function retire(
  { client, print }: CommandContext,
  reference: string,
  options: { readonly force?: true },
): Promise<void> {
  const authority = await client.call({
    method: 'POST',
    path: `${pathOf(reference)}/retire`,
    body: { force: options.force ?? false },
    answer: authoritySchema,
  });
  if (print.json) print.data(authority);
  else print.out(`${authority.name} is retired: its key is gone, and what it issued is refused.`);
}

async function exportCertificate({ client, print }: CommandContext, reference: string): Promise<void> {
  const authority = await client.call({ method: 'GET', path: pathOf(reference), answer: authoritySchema });
  if (print.json) print.data({ name: authority.name, certificate: authority.certificate });
  else print.bytes(Buffer.from(authority.certificate ?? ''));
}

async function crl({ client, print }: CommandContext, reference: string): Promise<void> {
  const authority = await client.call({ method: 'GET', path: pathOf(reference), answer: authoritySchema });
  const url = `${client.config.url.replace(/\/$/, '')}${authority.crl_path}`;
  if (print.json) {
    print.data({ name: authority.name, url, next_update: authority.crl_next_update });
    return;
  }
  print.out(url);
  if (authority.crl_next_update !== null) print.err(`Good until ${time(authority.crl_next_update)}.`);
}

async function revoke(
  { client, print }: CommandContext,
  serial: string,
  options: { readonly reason?: string },
): Promise<void> {
  await client.send({
    method: 'POST',
    path: `/v1/pki/certificates/${encodeURIComponent(serial.replaceAll(':', '').toUpperCase())}/revoke`,
    body: options.reason === undefined ? {} : { reason: options.reason },
  });
  print.err(`Revoked ${serial}; it is on the list within a second.`);
}

export function pathOf(reference: string): string {
  return `/v1/pki/authorities/${encodeURIComponent(reference)}`;
}
