// `wayside pki role list|show|set|issue`: what certificates may say, and those that are issued by it.
import type { Command } from 'commander';
import { issuedCertificateSchema, roleListSchema, roleSchema } from '../../protocol/api/pki.ts';
import type { PkiRole, RoleChange } from '../../protocol/api/pki.ts';
import { Failure } from '../../protocol/failures.ts';
import { acting, examples, many } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import type { Client } from '../client.ts';
import { parseDuration } from '../duration.ts';
import { table, time } from '../print.ts';
import type { Printer } from '../print.ts';
import { read, write } from './pki-offline.ts';

export function registerRoles(pki: Command, surroundings: Surroundings): void {
  const role = pki.command('role').description('what the certificates that are issued may say');
  role
    .command('list')
    .description('list the roles')
    .addHelpText('after', examples('wayside pki role list'))
    .action(acting(surroundings, list));
  role
    .command('show <role>')
    .description('show a role')
    .addHelpText('after', examples('wayside pki role show agent'))
    .action(acting(surroundings, show));
  role
    .command('set <role>')
    .description('change a role, or make one; what is not named stays as it is')
    .option('--ttl <duration>', 'life of a certificate; 1h to 24h for agents')
    .option('--dns <pattern>', 'DNS name, * for one label; repeat for more', many, [])
    .option('--uri <pattern>', 'URI, * for one segment; repeat for more', many, [])
    .option('--ip <range>', 'address or range; repeat for more', many, [])
    .option('--key-type <type>', 'p256, p384 or ed25519; repeat for more', many, [])
    .option('--usage <usage>', 'server_auth or client_auth; repeat for more', many, [])
    .option('--common-name <policy>', 'none, any_name, or fixed:TEXT')
    .option('--authority <id>', 'data_plane, or the id of one data-plane CA to try it out')
    .option('--description <text>', 'what it is for')
    .addHelpText(
      'after',
      examples(
        'wayside pki role set agent --ttl 1h',
        'wayside pki role set web --dns "*.svc.example" --usage server_auth --ttl 7d',
      ),
    )
    .action(acting(surroundings, set));
  role
    .command('issue <role>')
    .description('issue a certificate for a request (PKCS #10); one that asks for more is refused')
    .requiredOption('--csr <file>', 'the request, PEM')
    .option('--ttl <duration>', 'less than the life that the role gives')
    .option('--out <file>', 'where to write the chain; standard output without it')
    .addHelpText('after', examples('wayside pki role issue web --csr web.csr --out web.pem'))
    .action(acting(surroundings, issue));
}

async function list({ client, print }: CommandContext): Promise<void> {
  const { items } = await client.call({ method: 'GET', path: '/v1/pki/roles', answer: roleListSchema });
  if (print.json) {
    print.data(items);
    return;
  }
  const rows = items.map((role) => [
    role.name,
    role.issued_by,
    role.usages.join(' '),
    [...role.names.uris, ...role.names.dns, ...role.names.ips].join(' '),
    hours(role.ttl_ms),
  ]);
  print.out(table(['NAME', 'ISSUED BY', 'FOR', 'NAMES', 'LIFE'], rows));
}

async function show({ client, print }: CommandContext, name: string): Promise<void> {
  showRole(print, await readRole(client, name));
}

function showRole(print: Printer, role: PkiRole): void {
  if (print.json) {
    print.data(role);
    return;
  }
  const { uris, dns, ips } = role.names;
  print.out(`${role.name}, issued by ${role.issued_by}`);
  if (role.description !== '') print.out(`  ${role.description}`);
  print.out(`  names        ${[...uris, ...dns, ...ips].join(' ')} (${role.names_min} to ${role.names_max})`);
  print.out(`  for          ${role.usages.join(' ')}`);
  print.out(`  keys         ${role.key_types.join(' ')}`);
  print.out(`  common name  ${role.common_name}`);
  print.out(`  life         ${hours(role.ttl_ms)}`);
  print.out(`  authority    ${role.authority}`);
}

interface SetOptions {
  readonly ttl?: string;
  readonly dns: string[];
  readonly uri: string[];
  readonly ip: string[];
  readonly keyType: string[];
  readonly usage: string[];
  readonly commonName?: string;
  readonly authority?: string;
  readonly description?: string;
}

async function set({ client, print }: CommandContext, name: string, options: SetOptions): Promise<void> {
  const before = await readRole(client, name).catch((cause: unknown) => {
    if (cause instanceof Failure && cause.code === 'not_found') return null;
    throw cause;
  });
  const role = await client.call({
    method: 'PUT',
    path: rolePath(name),
    body: changeOf(options),
    ...(before === null ? {} : { headers: { 'if-match': `"${before.revision}"` } }),
    answer: roleSchema,
  });
  showRole(print, role);
}

/** As the route checks it: words that are none of the known ones are its to refuse. */
function changeOf(options: SetOptions): RoleChange {
  const names = {
    ...(options.uri.length === 0 ? {} : { uris: options.uri }),
    ...(options.dns.length === 0 ? {} : { dns: options.dns }),
    ...(options.ip.length === 0 ? {} : { ips: options.ip }),
  };
  return {
    ...(options.ttl === undefined ? {} : { ttl_ms: parseDuration(options.ttl) }),
    ...(Object.keys(names).length === 0 ? {} : { names }),
    ...(options.keyType.length === 0 ? {} : { key_types: options.keyType as RoleChange['key_types'] }),
    ...(options.usage.length === 0 ? {} : { usages: options.usage as RoleChange['usages'] }),
    ...(options.commonName === undefined ? {} : { common_name: options.commonName }),
    ...(options.authority === undefined ? {} : { authority: options.authority }),
    ...(options.description === undefined ? {} : { description: options.description }),
  };
}

async function issue(
  { client, print }: CommandContext,
  name: string,
  options: { readonly csr: string; readonly ttl?: string; readonly out?: string },
): Promise<void> {
  const issued = await client.call({
    method: 'POST',
    path: `${rolePath(name)}/certificates`,
    body: {
      csr: await read(options.csr),
      ...(options.ttl === undefined ? {} : { ttl_ms: parseDuration(options.ttl) }),
    },
    answer: issuedCertificateSchema,
  });
  if (options.out !== undefined) await write(options.out, issued.chain, 0o644);
  if (print.json) print.data(issued);
  else if (options.out === undefined) print.bytes(Buffer.from(issued.chain));
  if (!print.json) print.err(`Serial ${issued.serial}, good until ${time(issued.not_after)}.`);
}

function readRole(client: Client, name: string): Promise<PkiRole> {
  return client.call({ method: 'GET', path: rolePath(name), answer: roleSchema });
}

function rolePath(name: string): string {
  return `/v1/pki/roles/${encodeURIComponent(name)}`;
}

const hourMs = 3_600_000;

function hours(ms: number): string {
  return ms % hourMs === 0 ? `${ms / hourMs} h` : `${Math.round(ms / 60_000)} min`;
}
