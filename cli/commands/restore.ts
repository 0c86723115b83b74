// `wayside restore FILE`: puts a backup into a data folder that no server uses.
import { createReadStream } from 'node:fs';
import type { Command } from 'commander';
import { acting } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { paint, time } from '../print.ts';
import { readBackupSecret } from './backup.ts';
import type { SecretOptions } from './backup.ts';

export function registerRestore(program: Command, surroundings: Surroundings): void {
  program
    .command('restore')
    .description('restore a backup into a data folder; every session and join token ends')
    .argument('<file>', 'the backup')
    .requiredOption('--data <folder>', 'the data folder, which no server may be using')
    .option('--replace', 'set data that is there aside instead of refusing')
    .option('--key-file <file>', 'the backup key')
    .option('--passphrase-file <file>', 'file with the passphrase (- for standard input)')
    .addHelpText(
      'after',
      '\nExample:\n  wayside restore monday.backup --data ./wayside-data --key-file backup.key',
    )
    .action(acting(surroundings, restore));
}

async function restore(
  { print, surroundings }: CommandContext,
  path: string,
  options: SecretOptions & { readonly data: string; readonly replace?: boolean },
): Promise<void> {
  const { restoreBackup } = await import('../../control-plane/store/restore.ts');
  const restoration = await restoreBackup({
    dataFolder: options.data,
    source: createReadStream(path),
    secret: await readBackupSecret(surroundings, options),
    clock: { now: () => Date.now() },
    replace: options.replace === true,
  });
  if (print.json) {
    print.data(restoration);
    return;
  }
  print.out(`${paint(print, 'green', 'restored')}: the data as of ${time(restoration.backup_at)}.`);
  print.out(
    `Ended: the sessions of ${restoration.agents} agents, ${restoration.join_tokens} join tokens. ` +
      `${restoration.tokens} personal tokens work as they did then.`,
  );
  print.out('What was revoked after that time is not revoked any more: revoke tokens and agents again.');
  print.out('Put the keyring that belongs to this data back before the server starts.');
}
