// Restores a backup into a data folder that nobody uses. What was alive when it was made is not any more: the store
// gets a new incarnation, agents get new sessions, join tokens end (rules.md 12).
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../protocol/failures.ts';
import { restoredSessionsStep } from '../../protocol/limits.ts';
import { decryptBackup } from './backup-format.ts';
import type { BackupSecret } from './backup-format.ts';
import { openWritingConnection } from './sqlite/connection.ts';
import type { Connection } from './sqlite/connection.ts';
import { databasePath, prepareDataFolder } from './sqlite/data-folder.ts';
import { takeFolderLock } from './sqlite/lock.ts';
import { prepareDatabase } from './sqlite/prepare-database.ts';

export interface RestoreOptions {
  readonly dataFolder: string;
  readonly source: AsyncIterable<Uint8Array>;
  readonly secret: BackupSecret;
  readonly clock: { now(): number };
  /** Keeps what is in the folder beside the restored data instead of refusing to touch it. */
  readonly replace?: boolean;
}

/** What the next start writes into the audit trail, and what the operator should read. */
export const restorationSchema = z.object({
  /** Epoch ms. */
  restored_at: z.int(),
  /** When the backup was made: whatever was done after it is lost, revocations above all. */
  backup_at: z.int(),
  from_incarnation: z.string(),
  to_incarnation: z.string(),
  /** Agents whose sessions were ended, join tokens that were, and tokens that work as they did at `backup_at`. */
  agents: z.int(),
  join_tokens: z.int(),
  tokens: z.int(),
});
export type Restoration = z.infer<typeof restorationSchema>;

/** Row of store_meta that tells the next start of a restoration; removed with its audit event. */
export const restorationMeta = 'restoration';

/**
 * Throws `store_locked` while a process uses the folder, `invalid_backup` for a wrong secret or a damaged file,
 * `store_newer` for data of a newer program, `conflict` where there is data and `replace` is not set. The folder is
 * as it was after any of them. The keyring that the data needs must be put back by hand.
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
    const restoration = endWhatWasAlive(fresh, { backupAt, now: clock.now() });
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

function endWhatWasAlive(
  path: string,
  times: { readonly backupAt: number; readonly now: number },
): Restoration {
  const connection = openWritingConnection(path);
  try {
    assertSound(connection);
    const { incarnation } = prepareDatabase(connection, null);
    connection.run('begin immediate');
    const restoration = endSessions(connection, { ...times, from: incarnation });
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

function endSessions(
  connection: Connection,
  facts: { readonly backupAt: number; readonly now: number; readonly from: string },
): Restoration {
  const { backupAt, now, from } = facts;
  const to = randomUUID();
  const setMeta = (name: string, value: string) =>
    connection.run(
      'insert into store_meta (name, value) values (?, ?) on conflict (name) do update set value = excluded.value',
      [name, value],
    );
  setMeta('incarnation', to);
  connection.run(
    `insert into store_meta (name, value) values ('revocation_epoch', '1')
     on conflict (name) do update set value = cast(cast(value as integer) + 1 as text)`,
  );
  // Higher than any number that was given out after the backup, so that what still comes under one is refused.
  const agents = connection.run(
    `update agents set session = session + ?, incarnation = null,
       disconnected_at = case when connected_at is null then disconnected_at else ? end`,
    [restoredSessionsStep, now],
  ).changes;
  const joinTokens = connection.run(
    'update join_tokens set expires_at = ? where used_at is null and expires_at > ?',
    [now, now],
  ).changes;
  const tokens = connection.run(
    'select count(*) as count from tokens where revoked_at is null and (expires_at is null or expires_at > ?)',
    [now],
  ).rows[0]?.['count'];
  const restoration: Restoration = {
    restored_at: now,
    backup_at: backupAt,
    from_incarnation: from,
    to_incarnation: to,
    agents,
    join_tokens: joinTokens,
    tokens: Number(tokens),
  };
  setMeta(restorationMeta, JSON.stringify(restoration));
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
  const file = await open(fresh, 'r');
  await file.sync().finally(() => file.close());
  await rename(fresh, path);
  const folder = await open(dataFolder, 'r');
  await folder.sync().finally(() => folder.close());
}

async function removeDatabase(path: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) await rm(path + suffix, { force: true });
}
