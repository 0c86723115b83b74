// `wayside pki sign` and `wayside pki root offline`: what is done with the exported key of a root itself. The first
// needs no control plane and no network.
import type { Command } from 'commander';
import { authoritySchema, exportedRootSchema, signingRequestSchema } from '../../protocol/api/pki.ts';
import type { ExportedRoot } from '../../protocol/api/pki.ts';
import { Failure } from '../../protocol/failures.ts';
import { parseJson } from '../../protocol/json.ts';
import { readSecret } from '../ask.ts';
import { acting, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { pathOf } from './pki-authority.ts';
import { read, write } from './pki-offline.ts';

export function registerSign(
  { pki, root }: { readonly pki: Command; readonly root: Command },
  surroundings: Surroundings,
): void {
  pki
    .command('sign <request>')
    .description('sign a request with an exported root; no control plane is asked')
    .requiredOption('--root-file <file>', 'the exported root')
    .requiredOption('--out <file>', 'where to write what was signed; the file must not exist')
    .option(
      '--passphrase-file <file>',
      'file with the passphrase, - for standard input; asked for without it',
    )
    .addHelpText(
      'after',
      `${examples('wayside pki sign request.json --root-file root-1.json --out intermediate.pem')}\n\nCompare the fingerprint that it prints with the one that the control plane shows.`,
    )
    .action(acting(surroundings, sign));
  root
    .command('offline <file>')
    .description('remove the key of the root from the control plane, by proving that the exported one opens')
    .option(
      '--passphrase-file <file>',
      'file with the passphrase, - for standard input; asked for without it',
    )
    .addHelpText(
      'after',
      `${examples('wayside pki root offline root-1.json')}\n\nBackups from before still hold the key, sealed under the keyring.`,
    )
    .action(acting(surroundings, offline));
}

interface SignOptions {
  readonly rootFile: string;
  readonly out: string;
  readonly passphraseFile?: string;
}

async function sign(
  { print, surroundings }: CommandContext,
  file: string,
  options: SignOptions,
): Promise<void> {
  const request = signingRequestSchema.safeParse(parseJson(await read(file)));
  if (!request.success) {
    throw new Failure('invalid_configuration', `${file} is not a request of \`wayside pki … request\`.`);
  }
  const exported = await readExported(options.rootFile);
  const passphrase = await askPassphrase(surroundings, exported, options);
  const { signOffline } = await import('../../control-plane/pki/sign-offline.ts');
  const signed = await signOffline({ exported, passphrase, request: request.data, now: Date.now() });
  await write(options.out, signed.pem, 0o644);
  if (print.json) {
    print.data({ file: options.out, kind: request.data.kind, fingerprint: signed.fingerprint });
    return;
  }
  print.out(`${exported.name} has signed ${request.data.name} (${request.data.kind}): ${options.out}.`);
  if (signed.fingerprint !== null) print.out(`  fingerprint of the key  ${signed.fingerprint}`);
}

async function offline(
  { client, print, surroundings }: CommandContext,
  file: string,
  options: { readonly passphraseFile?: string },
): Promise<void> {
  const exported = await readExported(file);
  const passphrase = await askPassphrase(surroundings, exported, options);
  const { openExportedRoot, proveExport } = await import('../../control-plane/pki/offline-root.ts');
  const proof = await proveExport(await openExportedRoot(exported, passphrase), exported.authority);
  const authority = await client.call({
    method: 'POST',
    path: `${pathOf(exported.authority)}/offline`,
    body: { proof },
    answer: authoritySchema,
  });
  if (print.json) print.data(authority);
  else print.out(`The key of ${authority.name} is not in the control plane any more; keep ${file}.`);
}

async function readExported(file: string): Promise<ExportedRoot> {
  const exported = exportedRootSchema.safeParse(parseJson(await read(file)));
  if (exported.success) return exported.data;
  throw new Failure(
    'invalid_configuration',
    `${file} is not a root as \`wayside pki root export\` writes it.`,
  );
}

async function askPassphrase(
  surroundings: Surroundings,
  exported: ExportedRoot,
  options: { readonly passphraseFile?: string },
): Promise<string> {
  return readSecret(surroundings, {
    file: options.passphraseFile,
    prompt: `Passphrase of ${exported.name}`,
  });
}
