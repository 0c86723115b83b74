// `wayside backup FILE`: an encrypted copy of the data, from the running server, or from its folder when none runs.
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { BackupSecret } from '../../control-plane/store/backup-format.ts';
import { Failure } from '../../protocol/failures.ts';
import { backupPassphraseCharactersMin } from '../../protocol/limits.ts';
import { readSecret } from '../ask.ts';
import { acting } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';

/** How a backup is protected; without any of them the passphrase is asked for. */
export interface SecretOptions {
  readonly keyFile?: string;
  readonly passphraseFile?: string;
}

interface BackupOptions extends SecretOptions {
  readonly data?: string;
  readonly newKey?: string;
}

export function registerBackup(program: Command, surroundings: Surroundings): void {
  program
    .command('backup')
    .description('write an encrypted copy of the data; the keyring is not in it: keep that elsewhere')
    .argument('<file>', 'the file to make')
    .option(
      '--data <folder>',
      'read this data folder, which no server may be using, instead of asking the server',
    )
    .option('--key-file <file>', 'encrypt to this backup key')
    .option('--new-key <file>', 'make a backup key, write it there, and encrypt to it')
    .option('--passphrase-file <file>', 'encrypt to the passphrase in this file (- for standard input)')
    .addHelpText(
      'after',
      '\nExamples:\n  wayside backup monday.backup --new-key backup.key\n' +
        '  wayside backup tuesday.backup --key-file backup.key\n' +
        '  wayside backup offline.backup --data ./wayside-data',
    )
    .action(acting(surroundings, backup));
}

async function backup(
  { client, print, surroundings }: CommandContext,
  path: string,
  options: BackupOptions,
): Promise<void> {
  const secret = await secretFor(surroundings, options);
  const { writeNewFile } = await import('../../control-plane/store/backup.ts');
  const bytes =
    options.data === undefined
      ? await writeNewFile(
          path,
          await client.download({ method: 'POST', path: '/v1/store/backup', body: bodyOf(secret) }),
        )
      : await backupFolder(options.data, path, secret);
  if (print.json) print.data({ file: path, bytes });
  else print.out(`${path}: ${bytes} bytes. Keep the keyring too, and elsewhere: without it no secret opens.`);
}

async function backupFolder(dataFolder: string, path: string, secret: BackupSecret): Promise<number> {
  // Loaded when it is needed: no other command has to wait for the store to be read.
  const { readBackup, writeNewFile } = await import('../../control-plane/store/backup.ts');
  const { openSqliteStore } = await import('../../control-plane/store/sqlite.ts');
  const store = await openSqliteStore({ dataFolder, purpose: 'a backup' });
  try {
    return await writeNewFile(
      path,
      readBackup({ store, dataFolder, clock: { now: () => Date.now() } }, secret),
    );
  } finally {
    await store.close();
  }
}

async function secretFor(surroundings: Surroundings, options: BackupOptions): Promise<BackupSecret> {
  if (options.newKey === undefined) return readBackupSecret(surroundings, options);
  const { newBackupKey, parseBackupKey } = await import('../../control-plane/store/backup-format.ts');
  const key = newBackupKey();
  try {
    await writeFile(options.newKey, key, { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    throw new Failure(
      'invalid_configuration',
      `${options.newKey} cannot be made: ${(cause as Error).message}. A key never replaces a file.`,
      { cause },
    );
  }
  return parseBackupKey(key);
}

/** The key of `--key-file`, or the passphrase from a file, standard input or a prompt; never from argv. */
export async function readBackupSecret(
  surroundings: Surroundings,
  options: SecretOptions,
): Promise<BackupSecret> {
  if (options.keyFile !== undefined) {
    const { parseBackupKey } = await import('../../control-plane/store/backup-format.ts');
    return parseBackupKey(await readSecret(surroundings, { file: options.keyFile, prompt: 'Backup key' }));
  }
  const passphrase = await readSecret(surroundings, {
    file: options.passphraseFile,
    prompt: 'Passphrase of the backup',
  });
  if (passphrase.length < backupPassphraseCharactersMin) {
    throw new Failure(
      'invalid_configuration',
      `A passphrase of a backup has at least ${backupPassphraseCharactersMin} characters. Or use --new-key.`,
    );
  }
  return { kind: 'passphrase', passphrase };
}

function bodyOf(secret: BackupSecret): object {
  return secret.kind === 'key'
    ? { key: Buffer.from(secret.key).toString('base64url') }
    : { passphrase: secret.passphrase };
}
