// A consistent copy of a live database, made through a connection of its own.
import { backup, DatabaseSync } from 'node:sqlite';
import { storeBusyMsMax } from '../../../protocol/limits.ts';

/** All pages in one step: one read snapshot that no writer can restart. */
const allPages = 2 ** 31 - 1;

/**
 * Copies the database at `source` into the file `target`. Runs on a thread of libuv's pool; in WAL mode it waits
 * for no writer, and no writer waits for it.
 */
export async function copyDatabase(source: string, target: string): Promise<void> {
  const database = new DatabaseSync(source, { timeout: storeBusyMsMax, readOnly: true });
  try {
    await backup(database, target, { rate: allPages });
  } finally {
    database.close();
  }
}
