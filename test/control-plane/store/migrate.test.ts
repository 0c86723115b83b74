import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { migrationChecksum, migrations, pendingMigrations } from '../../../control-plane/store/migrate.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite.ts';
import { temporaryFolder, temporaryStore } from './temporary.ts';

const one = { number: 1, name: 'one', statements: ['create table a (b text)'] };
const two = { number: 2, name: 'two', statements: ['create table c (d text)'] };
const appliedOne = { number: 1, name: 'one', checksum: migrationChecksum(one) };

describe('pending migrations', () => {
  it('are those that were not applied, in order', () => {
    expect(pendingMigrations([], [one, two])).toEqual([one, two]);
    expect(pendingMigrations([appliedOne], [one, two])).toEqual([two]);
  });

  it('are numbered without a gap', () => {
    expect(migrations.map((migration) => migration.number)).toEqual(migrations.map((_, index) => index + 1));
  });
});

/** Changes a closed database behind the program's back. */
async function tampered(change: (database: DatabaseSync) => void): Promise<string> {
  const store = await temporaryStore();
  await store.close();
  const database = new DatabaseSync(join(store.dataFolder, 'wayside.db'));
  change(database);
  database.close();
  return store.dataFolder;
}

describe('opening', () => {
  it('refuses data of a newer program', async () => {
    const dataFolder = await tampered((database) =>
      database.exec(`insert into migrations values (999, 'from-the-future', 'sha256:00', 1)`),
    );
    await expect(openSqliteStore({ dataFolder })).rejects.toMatchObject({
      code: 'store_newer',
      message: expect.stringContaining('from-the-future') as string,
    });
  });

  it('refuses data whose migration had another text', async () => {
    const dataFolder = await tampered((database) =>
      database.exec(`update migrations set checksum = 'sha256:00' where number = 1`),
    );
    await expect(openSqliteStore({ dataFolder })).rejects.toMatchObject({ code: 'store_failed' });
    // And frees the folder again: the second refusal is the same one, not store_locked.
    await expect(openSqliteStore({ dataFolder })).rejects.toMatchObject({ code: 'store_failed' });
  });

  it('refuses a database that another program made', async () => {
    const dataFolder = temporaryFolder();
    const database = new DatabaseSync(join(dataFolder, 'wayside.db'));
    database.exec('create table recipes (name text)');
    database.close();
    await expect(openSqliteStore({ dataFolder })).rejects.toMatchObject({ code: 'data_folder_unusable' });
  });

  it('refuses a file that is no database', async () => {
    const dataFolder = await tampered((database) => database.exec('pragma journal_mode = delete'));
    const { writeFileSync } = await import('node:fs');
    writeFileSync(
      join(dataFolder, 'wayside.db'),
      'this is not a database, it is a letter to you'.repeat(100),
    );
    await expect(openSqliteStore({ dataFolder })).rejects.toMatchObject({ code: 'store_failed' });
  });
});
