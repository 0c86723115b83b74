// `wayside pki root export|request|import` and `wayside pki intermediate request|import`: what goes to a root whose key
// is elsewhere, and what comes back.
import { readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import {
  authorityListSchema,
  authoritySchema,
  exportedRootSchema,
  signingRequestSchema,
} from '../../protocol/api/pki.ts';
import type { PkiLevel, SigningRequest } from '../../protocol/api/pki.ts';
import { Failure } from '../../protocol/failures.ts';
import { parseJson } from '../../protocol/json.ts';
import { readSecret } from '../ask.ts';
import { acting, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import type { Client } from '../client.ts';
import { pathOf, showAuthority } from './pki-authority.ts';

export interface OfflineParents {
  readonly root: Command;
  readonly intermediate: Command;
}

export function registerOffline({ root, intermediate }: OfflineParents, surroundings: Surroundings): void {
  registerRoot(root, surroundings);
  intermediate
    .command('request')
    .description('make the key of a new intermediate, and the request that an offline root signs')
    .option('--out <file>', 'where to write the request; standard output without it')
    .addHelpText('after', examples('wayside pki intermediate request --out request.json'))
    .action(acting(surroundings, requestIntermediate));
  intermediate
    .command('import <file>')
    .description('take the certificate that the root signed; `wayside pki rotate intermediate` activates it')
    .addHelpText('after', examples('wayside pki intermediate import intermediate.pem'))
    .action(acting(surroundings, (context, file: string) => importSigned(context, 'intermediate', file)));
}

function registerRoot(root: Command, surroundings: Surroundings): void {
  root
    .command('export')
    .description('write the key of the root to a file, encrypted to a passphrase; it stays here as well')
    .requiredOption('--out <file>', 'where to write it; the file must not exist')
    .option('--root <name>', 'another root than the active one')
    .option(
      '--passphrase-file <file>',
      'file with the passphrase, - for standard input; asked for without it',
    )
    .addHelpText(
      'after',
      `${examples('wayside pki root export --out root-1.json')}\n\nThen \`wayside pki root offline root-1.json\` removes the key from the control plane.`,
    )
    .action(acting(surroundings, exportKey));
  root
    .command('request')
    .description(
      'write the request that the pinned root signs: for a new root, or for its next revocation list',
    )
    .option('--list', 'for the revocation list of the active root')
    .option('--out <file>', 'where to write the request; standard output without it')
    .addHelpText(
      'after',
      examples(
        'wayside pki root request --out cross.json',
        'wayside pki root request --list --out list.json',
      ),
    )
    .action(acting(surroundings, requestFromRoot));
  root
    .command('import <file>')
    .description('take what the pinned root signed, or with --exported the exported key itself')
    .option('--exported', 'the file is an exported root: put its key back into the control plane')
    .option('--passphrase-file <file>', 'file with the passphrase of the exported root')
    .addHelpText(
      'after',
      examples('wayside pki root import cross.pem', 'wayside pki root import --exported root-1.json'),
    )
    .action(acting(surroundings, importToRoot));
}

interface ExportOptions {
  readonly out: string;
  readonly root?: string;
  readonly passphraseFile?: string;
}

async function exportKey(
  { client, print, surroundings }: CommandContext,
  options: ExportOptions,
): Promise<void> {
  const passphrase = await readSecret(surroundings, {
    file: options.passphraseFile,
    prompt: 'Passphrase for the exported root',
  });
  const exported = await client.call({
    method: 'POST',
    path: `${pathOf(options.root ?? 'root')}/export`,
    body: { passphrase },
    answer: exportedRootSchema,
  });
  await write(options.out, `${JSON.stringify(exported, null, 2)}\n`, 0o600);
  if (print.json) print.data({ file: options.out, root: exported.name });
  else print.out(`The key of ${exported.name} is in ${options.out}.`);
  if (!print.json)
    print.err(`It is still in the control plane: \`wayside pki root offline ${options.out}\`.`);
}

interface OutOptions {
  readonly out?: string;
  readonly list?: true;
}

async function requestIntermediate(context: CommandContext, options: OutOptions): Promise<void> {
  const request = await context.client.call({
    method: 'POST',
    path: '/v1/pki/requests',
    answer: signingRequestSchema,
  });
  await giveRequest(context, request, options);
}

async function requestFromRoot(context: CommandContext, options: OutOptions): Promise<void> {
  const { client } = context;
  const path =
    options.list === true
      ? `${pathOf('root')}/list-request`
      : `${pathOf(await waiting(client, 'root'))}/request`;
  const request = await client.call({ method: 'GET', path, answer: signingRequestSchema });
  await giveRequest(context, request, options);
}

async function giveRequest(
  { print }: CommandContext,
  request: SigningRequest,
  { out }: OutOptions,
): Promise<void> {
  const text = `${JSON.stringify(request, null, 2)}\n`;
  if (out === undefined) print.bytes(Buffer.from(text));
  else await write(out, text, 0o644);
  if (print.json) return;
  print.err(
    `Sign it where the root is kept: \`wayside pki sign ${out ?? 'FILE'} --root-file ROOT --out SIGNED\`.`,
  );
}

async function importToRoot(
  context: CommandContext,
  file: string,
  options: { readonly exported?: true; readonly passphraseFile?: string },
): Promise<void> {
  const { client, print, surroundings } = context;
  if (options.exported !== true) {
    await importSigned(context, 'root', file);
    return;
  }
  const exported = exportedRootSchema.parse(parseJson(await read(file)));
  const passphrase = await readSecret(surroundings, {
    file: options.passphraseFile,
    prompt: `Passphrase of ${exported.name}`,
  });
  const authority = await client.call({
    method: 'POST',
    path: `${pathOf(exported.authority)}/key`,
    body: { exported, passphrase },
    answer: authoritySchema,
  });
  showAuthority(print, authority);
}

/** A certificate goes to the authority of the level that waits for one, a list to the active root. */
async function importSigned({ client, print }: CommandContext, level: PkiLevel, file: string): Promise<void> {
  const pem = await read(file);
  const reference = pem.includes('BEGIN X509 CRL') ? 'root' : await waiting(client, level);
  const authority = await client.call({
    method: 'POST',
    path: `${pathOf(reference)}/import`,
    body: { pem },
    answer: authoritySchema,
  });
  showAuthority(print, authority);
}

/** The name of the one authority of a level that waits for a signature of the pinned root. */
async function waiting(client: Client, level: PkiLevel): Promise<string> {
  const { items } = await client.call({
    method: 'GET',
    path: '/v1/pki/authorities',
    answer: authorityListSchema,
  });
  const found = items
    .filter((authority) => authority.level === level)
    .filter(({ state, cross_certificate }) =>
      level === 'root' ? state === 'next' && cross_certificate === null : state === 'requested',
    )
    .at(-1);
  if (found !== undefined) return found.name;
  const first = level === 'root' ? 'wayside pki create root' : `wayside pki ${level} request`;
  throw new Failure('not_found', `No ${level} waits for a signature; \`${first}\` makes one.`);
}

export async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new Failure('invalid_configuration', `${file} cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** Never over a file that is there: it could be the only copy of a key. */
export async function write(file: string, text: string, mode: number): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx', mode });
  } catch (cause) {
    throw new Failure('invalid_configuration', `${file} cannot be written: ${(cause as Error).message}`, {
      cause,
    });
  }
}
