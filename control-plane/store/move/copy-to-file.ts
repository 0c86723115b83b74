// A consistent copy of PostgreSQL in a file of SQLite, made while others write: what a backup and an export are made of.
import { Failure } from '../../../protocol/failures.ts';
import type { Link } from '../postgres/link.ts';
import { openWritingConnection } from '../sqlite/connection.ts';
import type { Connection } from '../sqlite/connection.ts';
import { removeDatabase } from '../sqlite/data-folder.ts';
import { prepareDatabase } from '../sqlite/prepare-database.ts';
import { copyTables } from './copy-tables.ts';
import { postgresSide } from './postgres-side.ts';
import type { CopiedTable } from './side.ts';
import { sqliteSide } from './sqlite-side.ts';

/** Checked as a move is; nothing is changed in PostgreSQL. A file that is there is replaced. */
export async function copyToFile(link: Link, path: string): Promise<readonly CopiedTable[]> {
  await removeDatabase(path);
  const target = openWritingConnection(path);
  try {
    prepareDatabase(target, null);
    // Nobody reads the file before it is whole.
    target.database.exec('pragma synchronous = off; pragma foreign_keys = off');
    await link.send('begin isolation level repeatable read read only');
    try {
      target.run('begin');
      target.run('delete from store_meta');
      const tables = await copyTables(postgresSide(link), sqliteSide(target));
      target.run('commit');
      assertWhole(target);
      return tables;
    } finally {
      await link.send('commit').catch(() => undefined);
    }
  } finally {
    target.close();
  }
}

function assertWhole(target: Connection): void {
  const broken = target.run('pragma foreign_key_check').rows.length;
  if (broken === 0) return;
  throw new Failure('store_failed', `The copy has ${broken} rows that refer to nothing. Nothing was moved.`);
}
