// Restores a backup into a data folder that nobody uses. What was alive when it was made is not any more: the store
// gets a new incarnation, and what was let in has to be let in again (rules.md 12; end-what-was-alive.ts).
import { existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../protocol/failures.ts';
import { decryptBackup } from './backup-format.ts';
import type { BackupSecret } from './backup-format.ts';
import { applyCarried, readCarried } from './carry-over.ts';
import type { Carried } from './carry-over.ts';
import { endWhatWasAlive, setMeta } from './end-what-was-alive.ts';
import type { Vouched } from './end-what-was-alive.ts';
import { openWritingConnection } from './sqlite/connection.ts';
import type { Connection } from './sqlite/connection.ts';
import { databasePath, prepareDataFolder, removeDatabase, syncPath } from './sqlite/data-folder.ts';
import { takeFolderLock } from './sqlite/lock.ts';
import { prepareDatabase } from './sqlite/prepare-database.ts';

export interface RestoreOptions {
  readonly dataFolder: string;
  readonly source: AsyncIterable<Uint8Array>;
  readonly secret: BackupSecret;
  readonly clock: { now(): number };
  /** Keeps what is in the folder beside the restored data instead of refusing to touch it. */
  readonly replace?: boolean;
  /** Lets agents back in without a person's approval: nobody was revoked or put aside since the backup. */
  readonly trustAgents?: boolean;
  /** Lets personal tokens work on: none was revoked since the backup. */
  readonly keepTokens?: boolean;
}

/** What the next start writes into the audit trail, and what the operator should read. */
export const restorationSchema = z.object({
  /** Epoch ms. */
  restored_at: z.int(),
  /** When the backup was made: whatever was done after it is lost. */
  backup_at: z.int(),
  from_incarnation: z.string(),
  to_incarnation: z.string(),
  /** Counts restorations: rights of an earlier epoch had to be confirmed anew. */
  epoch: z.int(),
  /** Agents whose sessions were ended; of them, those that wait for a person to approve them again. */
  agents: z.int(),
  agents_held: z.int(),
  join_tokens: z.int(),
  /** Personal tokens that were ended, and those that work as they did at `backup_at`. */
  tokens_ended: z.int(),
  tokens: z.int(),
  /** Revocations and the like that the data which was replaced knew of, and which hold again. */
  carried_over: z.int(),
});
export type Restoration = z.infer<typeof restorationSchema>;

/** Row of store_meta that tells the next start of a restoration; removed with its audit event. */
export const restorationMeta = 'restoration';

/**
 * Throws `store_locked` while a process uses the folder, `invalid_backup` for a wrong secret or a damaged file,
 * `store_newer` for data of a newer program, `conflict` where there is data and `replace` is not set. The folder is
 * as it was after any of them. The keyring that the data needs must be put back by hand. What was revoked in data that
 * is replaced stays so, as far as that can be read.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restoration> {
  const { dataFolder, clock } = options;
  prepareDataFolder(dataFolder);
  const lock = takeFolderLock(dataFolder, { purpose: 'a restore', now: clock.now() });
  const fresh = join(dataFolder, 'restore.tmp');
  try {
    if (existsSync(databasePath(dataFolder)) && options.replace !== true) {
      throw new Failure(
        'conflict',
        `There is data in ${dataFolder}. Restore into an empty folder, or say --replace to set it aside.`,
      );
    }
    const backupAt = await decryptTo(fresh, options);
    const restoration = makeOurs(fresh, {
      backupAt,
      now: clock.now(),
      replaced: databasePath(dataFolder),
      trustAgents: options.trustAgents === true,
      keepTokens: options.keepTokens === true,
    });
    await putInPlace(dataFolder, fresh, clock.now());
    return restoration;
  } finally {
    await removeDatabase(fresh);
    lock.release();
  }
}

async function decryptTo(path: string, options: RestoreOptions): Promise<number> {
  const { header, content } = await decryptBackup(options.source, options.secret);
  await removeDatabase(path);
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const piece of content) await file.writeFile(piece);
    await file.sync();
  } finally {
    await file.close();
  }
  return header.created_at;
}

function makeOurs(
  path: string,
  facts: Vouched & { readonly backupAt: number; readonly now: number; readonly replaced: string },
): Restoration {
  const connection = openWritingConnection(path);
  try {
    assertSound(connection);
    const { incarnation, trustDomain } = prepareDatabase(connection, null);
    const carried = readCarried(facts.replaced, trustDomain);
    connection.run('begin immediate');
    const restoration = beginNewLife(connection, { ...facts, carried, from: incarnation });
    connection.run('commit');
    connection.run('pragma wal_checkpoint(truncate)');
    return restoration;
  } finally {
    connection.close();
  }
}

function assertSound(connection: Connection): void {
  const found = connection.run('pragma integrity_check').rows[0]?.['integrity_check'];
  const broken = connection.run('pragma foreign_key_check').rows.length;
  if (found === 'ok' && broken === 0) return;
  throw new Failure(
    'invalid_backup',
    `The database in the backup is damaged: ${String(found)}. Use another one.`,
  );
}

function beginNewLife(
  connection: Connection,
  facts: Vouched & {
    readonly backupAt: number;
    readonly now: number;
    readonly from: string;
    readonly carried: Carried;
  },
): Restoration {
  const { backupAt, now, from, carried } = facts;
  const carriedOver = applyCarried(connection, carried);
  const earlier = [{ incarnation: from, reason: 'restore' as const }, ...carried.lives];
  const ended = endWhatWasAlive(connection, { ...facts, earlier });
  const restoration: Restoration = {
    restored_at: now,
    backup_at: backupAt,
    from_incarnation: from,
    carried_over: carriedOver,
    ...ended,
  };
  setMeta(connection, restorationMeta, JSON.stringify(restoration));
  return restoration;
}

/** The old database is set aside, never deleted: its last commits may be what somebody needs next. */
async function putInPlace(dataFolder: string, fresh: string, now: number): Promise<void> {
  const path = databasePath(dataFolder);
  const aside = join(dataFolder, `replaced-${now}.db`);
  for (const suffix of ['', '-wal']) {
    if (existsSync(path + suffix)) await rename(path + suffix, aside + suffix);
  }
  await rm(`${path}-shm`, { force: true });
  await syncPath(fresh);
  await rename(fresh, path);
  await syncPath(dataFolder);
}
