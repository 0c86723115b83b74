import { describe, expect, it } from 'vitest';
import { migrations } from '../../../../control-plane/store/migrate.ts';
import { openPostgresStore } from '../../../../control-plane/store/postgres.ts';
import { assertVersion } from '../../../../control-plane/store/postgres/prepare-database.ts';
import { parseDatabaseUrl } from '../../../../control-plane/store/postgres/settings.ts';
import { runIn } from '../../../support/engine.ts';
import { freshDatabase, insert, isMissing, openOn, reasons } from './database.ts';

const open = (url: string) => openPostgresStore({ settings: parseDatabaseUrl(url) });

describe('the version of PostgreSQL', () => {
  it('is 15 or newer', () => {
    expect(() => assertVersion(150_000, '15.0')).not.toThrow();
    expect(() => assertVersion(140_011, '14.11')).toThrow(
      'is PostgreSQL 14.11, and Wayside needs 15 or newer',
    );
  });
});

describe.skipIf(isMissing)('opening', () => {
  it('makes the schema once where several control planes start together', async () => {
    const url = await freshDatabase('empty');
    const stores = await Promise.all([openOn(url), openOn(url), openOn(url)]);
    expect(new Set(stores.map((store) => store.incarnation)).size).toBe(1);
    expect(new Set(stores.map((store) => store.trustDomain)).size).toBe(1);
    const { rows } = await runIn(url, (client) => client.query('select count(*) as count from migrations'));
    expect(rows).toEqual([{ count: String(migrations.length) }]);
  });

  it('refuses a database of another program, of a newer one, and of another build', async () => {
    const foreign = await freshDatabase('empty');
    await runIn(foreign, (client) => client.query('create table recipes (name text)'));
    await expect(open(foreign)).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: expect.stringContaining('another program (recipes)') as string,
    });
    const url = await freshDatabase();
    await runIn(url, (client) =>
      client.query(`insert into migrations values (999, 'future', 'sha256:00', 1)`),
    );
    await expect(open(url)).rejects.toMatchObject({ code: 'store_newer' });
    await runIn(url, (client) =>
      client.query(
        `delete from migrations where number = 999; update migrations set checksum = 'x' where number = 1`,
      ),
    );
    await expect(open(url)).rejects.toMatchObject({ code: 'store_failed' });
  });

  it('refuses data that has moved away, also where a connection is opened again', async () => {
    const url = await freshDatabase();
    const store = await openOn(url);
    await store.write([insert(store, 'before')]);
    // The move did not meet this control plane: its connection was lost just then.
    await runIn(url, async (client) => {
      await client.query(`insert into store_meta values ('moved_away', 'elsewhere')`);
      await client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name like '% write'
          and datname = current_database()`,
      );
    });
    await expect(store.write([insert(store, 'after')])).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('This data has moved to elsewhere') as string,
    });
    expect(await reasons(store)).toEqual(['before']);
    await expect(open(url)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('says what to do about a URL that leads nowhere', async () => {
    const url = new URL(await freshDatabase());
    url.pathname = '/no_such_database';
    await expect(open(url.href)).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: expect.stringContaining('createdb') as string,
    });
    url.searchParams.set('sslmode', 'require');
    await expect(open(url.href)).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: expect.stringContaining('sslmode=disable') as string,
    });
  });
});
