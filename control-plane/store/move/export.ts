// Moves an installation from PostgreSQL into a data folder: all rows or none, checked, and PostgreSQL says where to.
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../../protocol/failures.ts';
import { movedAwayMeta, moveMeta } from '../notes.ts';
import type { Move } from '../notes.ts';
import { setMeta } from '../postgres/meta.ts';
import { openWritingConnection } from '../sqlite/connection.ts';
import { databasePath, prepareDataFolder, removeDatabase, syncPath } from '../sqlite/data-folder.ts';
import { takeFolderLock } from '../sqlite/lock.ts';
import { copyToFile } from './copy-to-file.ts';
import type { MoveOptions } from './import.ts';
import { withDatabase } from './open-sides.ts';

/** Throws `store_locked` while a control plane uses either, and `conflict` where the folder has a database. */
export async function exportStore(options: MoveOptions): Promise<Move> {
  const { dataFolder, database, clock } = options;
  prepareDataFolder(dataFolder);
  const lock = takeFolderLock(dataFolder, { purpose: 'a move from PostgreSQL', now: clock.now() });
  const fresh = join(dataFolder, 'export.tmp');
  try {
    if (existsSync(databasePath(dataFolder))) {
      throw new Failure(
        'conflict',
        `There is data in ${dataFolder}. Name an empty folder, or one with the keyring alone.`,
      );
    }
    return await withDatabase(database, async (link) => {
      const tables = await copyToFile(link, fresh);
      const move: Move = { from: 'postgres', to: 'sqlite', moved_at: clock.now(), tables: [...tables] };
      await finish(fresh, move);
      // From here on the folder has it; until then PostgreSQL is what counts.
      await setMeta(link, movedAwayMeta, `the data folder ${dataFolder}`);
      await rename(fresh, databasePath(dataFolder));
      await syncPath(dataFolder);
      return move;
    });
  } finally {
    await removeDatabase(fresh);
    lock.release();
  }
}

async function finish(path: string, move: Move): Promise<void> {
  const target = openWritingConnection(path);
  try {
    target.run('insert into store_meta (name, value) values (?, ?)', [moveMeta, JSON.stringify(move)]);
    target.run('pragma wal_checkpoint(truncate)');
  } finally {
    target.close();
  }
  await syncPath(path);
}
