// An installation of a real control plane, moved from SQLite to PostgreSQL and back, and used on each side.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { openAudit } from '../../../../control-plane/audit/audit.ts';
import { exportStore } from '../../../../control-plane/store/move/export.ts';
import { importStore } from '../../../../control-plane/store/move/import.ts';
import { openPostgresStore } from '../../../../control-plane/store/postgres.ts';
import { parseDatabaseUrl } from '../../../../control-plane/store/postgres/settings.ts';
import { openKeyring } from '../../../../control-plane/secrets/keyring.ts';
import { openSecrets } from '../../../../control-plane/secrets/secrets.ts';
import { openSqliteStore } from '../../../../control-plane/store/sqlite.ts';
import { initialize } from '../../../../control-plane/organizations/initialize.ts';
import { readStatus } from '../../../../control-plane/store/status.ts';
import type { Store } from '../../../../control-plane/store/store.ts';
import { freshDatabase, insert, isMissing } from '../postgres/database.ts';
import { temporaryFolder } from '../temporary.ts';

const clock = {
  now: () => Date.now(),
  after: (ms: number, wake: () => void) => {
    const timer = setTimeout(wake, ms);
    return () => clearTimeout(timer);
  },
};

/** Opens what a control plane has over its store, lets `act` do something, and closes it in order. */
async function running(
  store: Store,
  folder: string,
  act: (organization: string) => Promise<void>,
): Promise<void> {
  const provider = await openKeyring({ path: join(folder, 'keyring.json'), clock });
  const secrets = await openSecrets(store, provider);
  const audit = openAudit({ store, secrets, clock, report: () => undefined });
  const rows = await store.db.selectFrom('organizations').select('id').execute();
  if (rows.length === 0) await initialize({ store, audit });
  const [organization] = await store.db.selectFrom('organizations').select('id').execute();
  await audit.settle();
  await act(organization?.id ?? '');
  await audit.settle();
  expect(await audit.verify(organization?.id ?? '')).toMatchObject({ valid: true });
  await audit.close();
  await store.close();
}

async function filled(): Promise<string> {
  const folder = temporaryFolder();
  const store = await openSqliteStore({ dataFolder: folder });
  await running(store, folder, async () => {
    const units = Array.from({ length: 1_200 }, (_, index) =>
      store.write([insert(store, `${index} 漢字 "'\\`)]),
    );
    await Promise.all(units);
  });
  return folder;
}

const operations = async (store: Store) =>
  (await store.db.selectFrom('audit_events').select('operation').execute()).map((row) => row.operation);

describe.skipIf(isMissing)('moving an installation', () => {
  it('to PostgreSQL and back loses nothing: every row, the secrets, the chain of the audit', async () => {
    const folder = await filled();
    const database = parseDatabaseUrl(await freshDatabase('empty'));
    const there = await importStore({ dataFolder: folder, database, clock });
    const denials = there.tables.find(({ table }) => table === 'audit_denials');
    expect(denials?.rows).toBe(1_200);
    expect(there.tables.length).toBeGreaterThan(20);

    // What was left behind is not opened again.
    await expect(openSqliteStore({ dataFolder: folder })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('has moved to PostgreSQL') as string,
    });

    const store = await openPostgresStore({ settings: database });
    await running(store, folder, async () => {
      expect(await operations(store)).toContain('store.move');
      expect(await readStatus({ dataFolder: folder, database })).toMatchObject({
        engine: 'postgres',
        incarnation: store.incarnation,
        pending: [],
        movedTo: null,
        controlPlanes: 1,
      });
      // Nothing moves it away under a control plane that runs.
      const busy = exportStore({ dataFolder: temporaryFolder(), database, clock });
      await expect(busy).rejects.toMatchObject({ code: 'store_locked' });
    });

    for (const suffix of ['', '-wal', '-shm']) rmSync(join(folder, `wayside.db${suffix}`), { force: true });
    const back = await exportStore({ dataFolder: folder, database, clock });
    expect(back.tables.find(({ table }) => table === 'audit_denials')).toEqual(denials);
    await expect(openPostgresStore({ settings: database })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('has moved to the data folder') as string,
    });
    const home = await openSqliteStore({ dataFolder: folder });
    expect(home.incarnation).toBe(store.incarnation);
    expect(home.trustDomain).toBe(store.trustDomain);
    await running(home, folder, async () => {
      expect((await operations(home)).filter((operation) => operation === 'store.move')).toHaveLength(2);
    });
  });

  it('refuses a database with an installation in it, and changes nothing', async () => {
    const database = parseDatabaseUrl(await freshDatabase('empty'));
    await importStore({ dataFolder: await filled(), database, clock });
    const folder = await filled();
    await expect(importStore({ dataFolder: folder, database, clock })).rejects.toMatchObject({
      code: 'conflict',
    });
    await (await openSqliteStore({ dataFolder: folder })).close();
  });

  it('moves nothing where one row does not arrive as it was', async () => {
    const folder = await filled();
    const source = new DatabaseSync(join(folder, 'wayside.db'));
    // A number that JavaScript does not hold, behind the program's back.
    source.exec(`update audit_denials set count = 1.5 where reason like '7 %'`);
    source.close();
    const database = parseDatabaseUrl(await freshDatabase('empty'));
    await expect(importStore({ dataFolder: folder, database, clock })).rejects.toThrow();
    const store = await openPostgresStore({ settings: database });
    expect(await store.db.selectFrom('organizations').selectAll().execute()).toEqual([]);
    await store.close();
    await (await openSqliteStore({ dataFolder: folder })).close();
  });
});
