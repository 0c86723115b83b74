// Moves an installation from a data folder into PostgreSQL: all rows or none, checked, and the folder says where to.
import { existsSync } from 'node:fs';
import { Failure } from '../../../protocol/failures.ts';
import { movedAwayMeta, moveMeta } from '../notes.ts';
import type { Move } from '../notes.ts';
import type { Link } from '../postgres/link.ts';
import { inTransaction } from '../postgres/prepare-database.ts';
import { placeOf } from '../postgres/settings.ts';
import type { PostgresSettings } from '../postgres/settings.ts';
import { openWritingConnection } from '../sqlite/connection.ts';
import type { Connection } from '../sqlite/connection.ts';
import { databasePath, prepareDataFolder } from '../sqlite/data-folder.ts';
import { takeFolderLock } from '../sqlite/lock.ts';
import { prepareDatabase } from '../sqlite/prepare-database.ts';
import { copyTables } from './copy-tables.ts';
import { withDatabase } from './open-sides.ts';
import { postgresSide, withoutReferences } from './postgres-side.ts';
import { sqliteSide } from './sqlite-side.ts';

export interface MoveOptions {
  readonly dataFolder: string;
  readonly database: PostgresSettings;
  readonly clock: { now(): number };
}

/**
 * Throws `store_locked` while a control plane uses either, `not_found` where the folder has no database, `conflict` where
 * the database of PostgreSQL has data in it. Nothing has changed after any of them.
 */
export async function importStore(options: MoveOptions): Promise<Move> {
  const { dataFolder, database, clock } = options;
  if (!existsSync(databasePath(dataFolder))) {
    throw new Failure('not_found', `There is no database in ${dataFolder}. Name the folder with --data.`);
  }
  prepareDataFolder(dataFolder);
  const lock = takeFolderLock(dataFolder, { purpose: 'a move to PostgreSQL', now: clock.now() });
  try {
    const source = openWritingConnection(databasePath(dataFolder));
    try {
      prepareDatabase(source, null);
      return await withDatabase(database, async (link) => {
        const move = await copyInto(link, source, clock.now());
        source.run('insert into store_meta (name, value) values (?, ?)', [movedAwayMeta, placeOf(database)]);
        return move;
      });
    } finally {
      source.close();
    }
  } finally {
    lock.release();
  }
}

async function copyInto(link: Link, source: Connection, now: number): Promise<Move> {
  return inTransaction(link, async () => {
    await assertEmpty(link);
    // Its own identity gives way to that of the data.
    await link.send('delete from store_meta');
    let tables: Move['tables'] = [];
    source.run('begin');
    try {
      await withoutReferences(link, async () => {
        tables = [...(await copyTables(sqliteSide(source), postgresSide(link)))];
      });
    } finally {
      source.run('commit');
    }
    const move: Move = { from: 'sqlite', to: 'postgres', moved_at: now, tables };
    await link.send('insert into store_meta (name, value) values ($1, $2)', [moveMeta, JSON.stringify(move)]);
    return move;
  });
}

async function assertEmpty(link: Link): Promise<void> {
  const { rows } = await link.send('select count(*) as count from organizations');
  if (rows[0]?.['count'] === 0) return;
  throw new Failure(
    'conflict',
    'The database of PostgreSQL has an installation in it. Name an empty one: two cannot be merged.',
  );
}
