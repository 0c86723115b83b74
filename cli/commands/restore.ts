// `wayside restore FILE`: puts a backup into a data folder that no server uses, and gives its owner a way back in.
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Restoration } from '../../control-plane/store/restore.ts';
import { Failure } from '../../protocol/failures.ts';
import { acting, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { paint, time } from '../print.ts';
import { readBackupSecret } from './backup.ts';
import type { SecretOptions } from './backup.ts';

interface RestoreFlags extends SecretOptions {
  readonly data: string;
  readonly replace?: boolean;
  readonly trustAgents?: boolean;
  readonly keepTokens?: boolean;
  readonly keyringPassphraseFile?: string;
}

export function registerRestore(program: Command, surroundings: Surroundings): void {
  program
    .command('restore')
    .description(
      'restore a backup into a data folder; sessions, join tokens and personal tokens end, and agents wait for approval',
    )
    .argument('<file>', 'the backup')
    .requiredOption('--data <folder>', 'the data folder, which no server may be using')
    .option('--replace', 'set data that is there aside instead of refusing')
    .option('--key-file <file>', 'the backup key')
    .option('--passphrase-file <file>', 'file with the passphrase (- for standard input)')
    .option('--trust-agents', 'let agents back in unasked: none was revoked since the backup')
    .option('--keep-tokens', 'let personal tokens work on: none was revoked since the backup')
    .option('--keyring-passphrase-file <file>', 'passphrase of the keyring, to issue an owner token')
    .addHelpText(
      'after',
      examples(
        'wayside restore monday.backup --data ./wayside-data --key-file backup.key',
        'wayside restore monday.backup --data ./wayside-data --key-file backup.key --replace --trust-agents',
      ),
    )
    .action(acting(surroundings, restore));
}

async function restore(
  { print, surroundings }: CommandContext,
  path: string,
  options: RestoreFlags,
): Promise<void> {
  const { restoreBackup } = await import('../../control-plane/store/restore.ts');
  const restoration = await restoreBackup({
    dataFolder: options.data,
    source: createReadStream(path),
    secret: await readBackupSecret(surroundings, options),
    clock: { now: () => Date.now() },
    replace: options.replace === true,
    trustAgents: options.trustAgents === true,
    keepTokens: options.keepTokens === true,
  });
  const owner = options.keepTokens === true ? null : await ownerTokenOf(options);
  if (print.json) {
    print.data({ ...restoration, token: owner?.token ?? null });
    return;
  }
  print.out(`${paint(print, 'green', 'restored')}: the data as of ${time(restoration.backup_at)}.`);
  for (const sentence of sentencesOf(restoration)) print.out(sentence);
  if (owner !== null) {
    print.out(`Token of ${owner.owner}, until ${time(owner.expiresAt)}:`);
    print.out(owner.token);
  } else {
    print.out('Put the keyring that belongs to this data back before the server starts.');
    if (restoration.tokens === 0) {
      print.out(`Then \`wayside server owner-token --data ${options.data}\` gives its owner a token.`);
    }
  }
}

function sentencesOf(restoration: Restoration): readonly string[] {
  const { agents, agents_held, join_tokens, tokens, tokens_ended, carried_over } = restoration;
  return [
    `Ended: the sessions of ${agents} agents, ${join_tokens} join tokens, ${tokens_ended} personal tokens.`,
    agents_held > 0
      ? `${agents_held} agents wait for approval: \`wayside agent approve NAME --fingerprint …\`, with what ` +
        "`wayside-agent doctor` shows on the agent's machine. A revocation that is lost with the data must not undo itself."
      : '',
    tokens > 0 ? `${tokens} personal tokens work as they did then: revoke what was revoked since.` : '',
    carried_over > 0 ? `${carried_over} revocations that the replaced data knew of hold again.` : '',
    'Roles, bindings, passwords and passkeys are as they were then: take away again what was taken away since.',
  ].filter((sentence) => sentence !== '');
}

/** Null where the keyring is not in the folder yet, or is locked: then there is a command for later. */
async function ownerTokenOf(
  options: RestoreFlags,
): Promise<{ readonly owner: string; readonly token: string; readonly expiresAt: number } | null> {
  if (!existsSync(join(options.data, 'keyring.json'))) return null;
  const { recoverOwnerOf } = await import('../../control-plane/recover-owner.ts');
  const { parseServerConfig } = await import('../../control-plane/config.ts');
  const passphrase = options.keyringPassphraseFile;
  const flags = {
    data: options.data,
    ...(passphrase === undefined ? {} : { 'keyring-passphrase-file': passphrase }),
  };
  try {
    return await recoverOwnerOf(parseServerConfig(flags, {}));
  } catch (cause) {
    if (cause instanceof Failure) return null;
    throw cause;
  }
}
